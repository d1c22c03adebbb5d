"""The estimate of a step's memory: graphs whose answer is known by hand, and the recipes' settings that must move it."""

import pytest
import tensorflow as tf

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.runs.building import game_builder
from tfgan_zoo.training import step_memory

MIB = 2**20
SPEC = tf.TensorSpec([MIB // 4])  # 1 MiB


def estimated(settings, shape, classes):
    return step_memory.estimate(settings, game_builder(settings, shape, classes), shape)


def most(function, *specs):
    """MiB of `most_at_once` of a function's graph."""
    return step_memory.most_at_once(tf.function(function, autograph=False).get_concrete_function(*specs).graph) / MIB


def grown(x, times):
    """`times` copies of x, one after the other: a tensor of as many MiB as x has, times `times`."""
    return tf.raw_ops.Tile(input=x, multiples=[times])


def test_what_is_given_and_its_views_take_nothing():
    assert most(lambda x: tf.reshape(tf.identity(x), [2, -1]), SPEC) == 0


def test_a_chain_needs_a_result_and_what_it_is_made_of():
    assert most(lambda x: grown(grown(grown(x, 2), 2), 2), SPEC) == 4 + 8


def test_what_a_later_operation_reads_stays():
    def function(x):
        first = grown(x, 3)
        return tf.concat([first, grown(grown(grown(first, 1), 1), 1)], 0)

    assert most(function, SPEC) == 3 + 3 + 6


def test_results_are_written_over_inputs_that_nobody_else_reads():
    assert most(lambda x: tf.tanh(tf.nn.relu(grown(x, 5))), SPEC) == 5
    assert most(lambda x: tf.nn.relu(x), SPEC) == 1  # x itself is not ours to write over

    def kept(x):
        first = grown(x, 5)
        return tf.tanh(first), tf.reduce_sum(tf.nn.relu(first))

    assert 10 <= most(kept, SPEC) < 11


def test_of_the_branches_of_a_condition_the_larger_counts():
    def function(x, which):
        return tf.cond(which, lambda: tf.reduce_sum(grown(x, 7)), lambda: tf.reduce_sum(grown(x, 9)))

    assert 9 <= most(function, SPEC, tf.TensorSpec([], tf.bool)) < 9.1


@pytest.fixture(scope="module")
def estimates():
    def of(*changes):
        table = {"model": "dcgan", **catalog.preset_table("dcgan", "celeba64")}
        settings = recipe.parse(
            recipe.override(
                table,
                [
                    "precision=float32",
                    "arguments.generator_channels=32",
                    "arguments.discriminator_channels=16",
                    *changes,
                ],
            )
        )
        return estimated(settings, (64, 64, 3), 0)

    return {changes: of(*changes) for changes in ((), ("batch_size=64",), ("recompute=true",), ("accumulation=2",))}


def test_half_the_batch_takes_half_of_the_activations(estimates):
    whole, half = (estimates[changes].tensors - step_memory.TRACE for changes in ((), ("batch_size=64",)))
    assert whole / half == pytest.approx(2, rel=0.2)
    assert estimates[()].state == estimates[("batch_size=64",)].state


@pytest.mark.parametrize("change", ["recompute=true", "accumulation=2"])
def test_what_saves_memory_is_estimated_to_do_so(estimates, change):
    assert estimates[(change,)].tensors < 0.9 * estimates[()].tensors


def test_many_parts_are_estimated_as_two():
    two = step_memory.with_two_parts(
        recipe.parse({"model": "dcgan", **catalog.preset_table("dcgan", "celeba64"), "accumulation": 32})
    )
    assert (two.accumulation, two.batch_size, two.schedule[-1].batch_size) == (2, 8, 8)


@pytest.mark.parametrize(
    ("model", "preset", "shape", "changes"),
    [
        ("ambientgan", "rotate_project_theta", (32, 32, 1), []),  # measurements that are no images
        ("ambientgan", "rotate_project", (32, 32, 1), ["arguments.conditional=true", "data.classes=10"]),
        ("gan", "ring8", (2,), []),  # points
        ("sgan", "quickstart", (32, 32, 1), []),  # a labelled batch beside the one without labels
    ],
)
def test_what_the_discriminator_sees_need_not_be_images(model, preset, shape, changes):
    settings = recipe.parse(recipe.override({"model": model, **catalog.preset_table(model, preset)}, changes))
    assert estimated(settings, shape, 10).tensors > step_memory.TRACE


def test_the_sentence_adds_up(estimates):
    found = step_memory.StepMemory(2 * 2**30, 3 * 2**30, 2**29)
    assert found.total == 5.5 * 2**30
    assert str(found).startswith("Memory of a training step on one CPU, estimated: 5.5 GiB; 2.0 of it for weights")
    assert estimates[()].process > 100 * MIB
