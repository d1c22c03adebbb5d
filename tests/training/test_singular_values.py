"""Singular values of kernels: against NumPy's full decomposition, by hand, and as they reach TensorBoard's events."""

import keras
import numpy as np
import pytest
from small_games import points_game, points_recipe
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.html_report.curves import losses_section
from tfgan_zoo.html_report.event_history import read_history
from tfgan_zoo.runs.training_run import TrainingRun
from tfgan_zoo.training import singular_values
from tfgan_zoo.training.singular_values import by_lanczos, kernels_of, singular_value_scalars, top_singular_values
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.summaries import ScalarWriter
from tfgan_zoo.training.trainer import Trainer


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (3, 3, 4, 6), (4, 4, 1, 2), (40, 1)])
def test_top_singular_values_equal_those_of_the_full_decomposition(shape):
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = np.linalg.svd(kernel.reshape(-1, shape[-1]).astype(np.float64), compute_uv=False)[:3]
    np.testing.assert_allclose(top_singular_values(kernel), expected, rtol=1e-10)


def test_a_diagonal_kernel_has_its_absolute_entries_and_a_kernel_of_rank_one_has_zeros_after_the_first():
    np.testing.assert_allclose(top_singular_values(np.diag([1.0, -5.0, 3.0, 2.0])), [5, 3, 2], rtol=1e-12)
    np.testing.assert_allclose(top_singular_values(np.diag([1.0, -5.0, 3.0, 2.0]), count=1), [5], rtol=1e-12)
    ones = top_singular_values(np.ones([2, 8, 4]))  # as a matrix [16, 4] of ones: sqrt(16 * 4)
    np.testing.assert_allclose(ones, [8, 0, 0], atol=8e-7)


def test_large_kernels_use_lanczos_with_the_same_result(monkeypatch):
    kernel = np.random.default_rng(1).normal(size=[3, 3, 40, 120]).astype(np.float32)
    expected = np.linalg.svd(kernel.reshape(360, 120).astype(np.float64), compute_uv=False)[:3]
    monkeypatch.setattr(singular_values, "LARGE", 119)
    monkeypatch.setattr(singular_values, "by_gram", None)
    np.testing.assert_allclose(top_singular_values(kernel), expected, rtol=1e-4)
    np.testing.assert_array_equal(top_singular_values(kernel), top_singular_values(kernel))
    np.testing.assert_array_equal(by_lanczos(np.zeros([200, 120]), 3), np.zeros(3))


def test_kernels_that_are_not_finite_give_nan_rather_than_an_error():
    assert np.isnan(top_singular_values(np.array([[np.nan, 1], [2, 3]]))).tolist() == [True, True]


def test_kernels_are_found_in_wrappers_and_transposed_ones_have_outputs_last():
    images = keras.Input([4, 4, 3])
    h = keras.layers.Conv2DTranspose(5, 2, name="up")(images)
    network = keras.Model(images, keras.layers.Dense(1, name="logits")(keras.layers.Flatten()(h)))
    assert {name: k.shape for name, k in kernels_of(network).items()} == {"up": (2, 2, 3, 5), "logits": (125, 1)}
    game = points_game()  # whose discriminator wraps dense_1 in spectral normalisation, which shares the name
    assert {name: k.shape for name, k in kernels_of(game.discriminator).items()} == {
        "dense_1": (2, 8),
        "logits": (8, 1),
    }


def test_embeddings_are_included_with_a_column_per_class():
    labels = keras.Input([], dtype="int32", name="labels")
    embedding = keras.layers.Embedding(7, 3, name="shared")
    network = keras.Model(labels, keras.layers.Dense(1, name="logits")(embedding(labels)))
    kernels = kernels_of(network)
    assert {name: k.shape for name, k in kernels.items()} == {"shared": (3, 7), "logits": (3, 1)}
    np.testing.assert_array_equal(kernels["shared"], embedding.embeddings.numpy().T)


def test_scalars_name_player_layer_and_rank():
    game = points_game()
    game.generator.get_layer("dense_2").kernel.assign(np.eye(8, 2) * [2, 3])
    scalars = singular_value_scalars(game)
    assert len(scalars) == 3 + 2 + 2 + 1  # kernels [3, 8], [8, 2], [2, 8], [8, 1]
    assert scalars["singular_values/generator/dense_2/0"] == pytest.approx(3)
    assert scalars["singular_values/generator/dense_2/1"] == pytest.approx(2)
    assert "singular_values/discriminator/logits/0" in scalars


def test_the_scalar_writer_writes_singular_values_at_the_step(tmp_path):
    trainer = Trainer(points_recipe(), points_game, make_strategy("one"))
    writer = ScalarWriter(tmp_path, trainer)
    writer.write_singular_values(40)
    writer.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    written = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    assert written.keys() == singular_value_scalars(trainer.game).keys()
    assert {event.step for values in written.values() for event in values} == {40}


def digits(split):
    table = {
        "model": "acgan",
        "steps": 2,
        "batch_size": 4,
        "arguments": {"network": "compact", "channels": 2, "dense": 4, "noise_size": 3},
        "data": {"split": split, "resolution": 16},
        "evaluation": {"samples": 2, "real_images": 2},
        "log": {"samples_every_steps": 1, "accuracy_images": 30, "grid": 2},
    }
    return recipe.parse(table)


def test_the_accuracy_on_training_and_held_out_images_is_written_with_each_sample_grid(tmp_path):
    TrainingRun(digits("train"), tmp_path / "run", report=lambda text: None).execute()
    history = read_history(tmp_path / "run")
    curves = history.named("discriminator_accuracy/d_accuracy_")
    assert curves.keys() == {"train", "held_out"}
    for steps, accuracies in curves.values():
        assert steps.tolist() == [1, 2]
        assert all(
            (accuracy * 30) % 1 == pytest.approx(0, abs=1e-4) or (accuracy * 30) % 1 > 0.9999 for accuracy in accuracies
        )
    titles = [figure.title for figure in losses_section(history).figures]
    assert "Accuracy of the discriminator" in titles
    assert not [title for title in titles if title.startswith("D accuracy")]


def test_the_accuracy_is_refused_without_held_out_images(tmp_path):
    with pytest.raises(ZooError, match=r"log\.accuracy_images: discriminator_accuracy .* set data\.split=train"):
        TrainingRun(digits("all"), tmp_path / "run")
