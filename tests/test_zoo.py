"""The contract of every model in the zoo, by its quickstart recipe at a smaller batch and size."""

import re

import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, values

from tfgan_zoo import catalog, recipe
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.serving.generators import Generator
from tfgan_zoo.serving.signatures import ExportedGenerator
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Due, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

MODELS = catalog.model_names()
README = (catalog.recipes_folder().parent / "README.md").read_text()


def settings_of(model, *changes):
    table = {"model": model, **catalog.preset_table(model, "quickstart")}
    return recipe.parse(recipe.override(table, ["batch_size=4", "steps=1", "data.resolution=16", *changes]))


def trained(settings, strategy=None, steps=1):
    source = load_source(settings.data)
    build = catalog.game_builder(settings, source.image_shape, source.classes)
    trainer = Trainer(settings, build, strategy or make_strategy("one"))
    start, logs = values(trainer), {}

    def make_batches(stage, first):
        images, labels = source.images, source.labels
        return batches(images, labels, stage.batch_size, settings.seed, first, replicas=trainer.replicas)

    train(trainer, make_batches, [Due(1, lambda step, means: logs.update(means))])
    return trainer, start, logs


@pytest.fixture(scope="module", params=MODELS)
def one_step(request):
    return request.param, *trained(settings_of(request.param))


def test_one_step_is_finite_and_moves_both_players_and_the_average(one_step):
    _, trainer, start, logs = one_step
    assert all(np.isfinite(value) for value in logs.values())
    assert {name.split("/")[0] for name in logs} >= {"generator", "discriminator"}
    end = values(trainer)
    assert all(np.isfinite(value).all() for value in end.values())
    for network in ("generator", "discriminator"):
        weights = [f"{network}/{v.path}" for v in getattr(trainer.game, network).trainable_variables]
        still = [name for name in weights if np.array_equal(start[name], end[name])]
        assert len(still) <= 0.2 * len(weights), f"these did not move: {still}"
    assert any(not np.array_equal(start[n], end[n]) for n in start if n.startswith("average/"))


def test_the_checkpoint_comes_back_bit_equal(one_step, tmp_path):
    _, trainer, start, _ = one_step
    end = values(trainer)
    checkpoints = Checkpoints(tmp_path, trainer.variables())
    checkpoints.save(1)
    for name, variable in trainer.variables().items():
        variable.assign(start[name])
    assert checkpoints.restore_latest() == 1
    assert_same(values(trainer), end)


def test_the_export_answers_at_batch_one_and_three(one_step, tmp_path):
    _, trainer, _, _ = one_step
    module = ExportedGenerator(trainer.average.network, trainer.game.prior)
    tf.saved_model.save(module, str(tmp_path), signatures=module.functions)
    generator = Generator(tf.saved_model.load(str(tmp_path)).signatures)
    for seeds in ([3], [3, 4, 5]):
        assert generator.sample(seeds).shape == (len(seeds), *trainer.average.network.output.shape[1:])


@pytest.mark.parametrize("model", MODELS)
def test_neither_player_moves_in_the_others_turn(model):
    for player, other in (("generator", "discriminator"), ("discriminator", "generator")):
        held = [f"{other}_optimizer.name=sgd", f"{other}_optimizer.learning_rate=1e-30"]
        trainer, start, _ = trained(settings_of(model, *held))
        end = values(trainer)
        weights = [f"{other}/{v.path}" for v in getattr(trainer.game, other).trainable_variables]
        for name in weights:
            np.testing.assert_allclose(end[name], start[name], atol=1e-20, rtol=0, err_msg=name)
        moved = [n for n in start if n.startswith(f"{player}/") and not np.array_equal(start[n], end[n])]
        assert moved


@pytest.mark.parametrize("model", MODELS)
def test_two_replicas_equal_one_in_float64(model, two_replicas):
    plain = [f"{p}_optimizer.{k}" for p in ("generator", "discriminator") for k in ("name=sgd", "learning_rate=0.01")]
    settings = settings_of(model, "precision=float64", "steps=2", *plain)
    one, two = (values(trained(settings, strategy)[0]) for strategy in (make_strategy("one"), two_replicas))
    assert_same(one, two, tolerance=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_the_docstring_cites_the_paper_and_the_readme_has_the_row(model):
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", catalog.model_module(model).__doc__)
    assert re.search(rf"^\| \[?`?{model}`?", README, re.MULTILINE), f"README.md has no row for {model}"


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_bits(model):
    first, second = (values(trained(settings_of(model, "steps=3", f"steps_per_call={n}"))[0]) for n in (1, 3))
    assert_same(first, second)
