"""AmbientGAN's game: measured fakes against measured reals, its baselines, its limits, and that it resumes bit for bit."""

import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, values

from tfgan_zoo.core import recipe, recipe_tables
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import Source
from tfgan_zoo.data.training_view import training_view
from tfgan_zoo.observation.measurements import KINDS, measurement_of
from tfgan_zoo.runs import building
from tfgan_zoo.runs.targets import players_of
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

SHAPE, BATCH = (16, 16, 1), 4
PIXELS = np.random.default_rng(0).integers(0, 256, (12, *SHAPE)).astype(np.uint8)
SOURCE = Source("none", PIXELS, np.arange(12, dtype=np.int32) % 3, ("a", "b", "c"))
SMALL = {"noise_size": 4, "generator_channels": 2, "discriminator_channels": 2, "hidden": [6], "label_size": 2}
LINES = {"kind": "pad_rotate_project_theta", "angles": 2}


def settings_of(measurement, model="ambientgan", steps=4, sizes=SMALL, **arguments):
    optimizer = {"beta_1": 0.5, "beta_2": 0.999}
    return recipe.parse(
        {
            "model": model,
            "steps": steps,
            "batch_size": BATCH,
            "arguments": {**sizes, **arguments},
            "data": {"measurement": measurement},
            "generator_optimizer": optimizer,
            "discriminator_optimizer": optimizer,
        }
    )


def game_of(measurement, shape=SHAPE, classes=3, **arguments):
    return building.game_builder(settings_of(measurement, **arguments), shape, classes)()


def trainer_of(settings, strategy=None):
    build = building.game_builder(settings, SHAPE, 3)
    return Trainer(settings, build, strategy or make_strategy("one"))


def play(trainer, callbacks=()):
    """Takes the remaining steps."""
    images, measure = training_view(SOURCE, trainer.recipe.data)

    def make_batches(stage, first, local):
        options = {"replicas": trainer.replicas, "measure": measure}
        return batches(images, SOURCE.labels, stage.batch_size, trainer.recipe.seed, first, **options)

    train(trainer, make_batches, [Callback(2, lambda *_: None), *callbacks])
    return values(trainer)


def turn_of(game, real):
    return game.discriminator_turn(real, Draws(seed_of(1), BATCH))


@pytest.mark.parametrize("kind", KINDS)
def test_discriminator_sees_reals_and_fakes_in_the_shape_of_their_measurements(kind):
    measurement = {"kind": kind, "patch": 16 if kind == "extract_patch" else 5}
    game = game_of(measurement)
    images, measure = training_view(SOURCE, recipe_tables.DataSettings(measurement=measurement))
    real = next(iter(batches(images, None, BATCH, 0, measure=measure)))
    turn = turn_of(game, real)
    measured_shape = (BATCH, *measurement_of(recipe_tables.MeasurementSettings(**measurement), SHAPE).shape(SHAPE))
    assert turn.real["images"].shape == turn.fake["images"].shape == measured_shape
    assert (
        ("theta" in turn.fake)
        == ("theta" in turn.real)
        == (kind in ("pad_rotate_project_theta", "gaussian_projection"))
    )
    assert turn.on_real["logits"].shape == turn.on_fake["logits"].shape == (BATCH, 1)
    assert game.generator.output_shape == (None, *SHAPE)


def test_fakes_are_measured_independently_in_every_turn():
    game = game_of({"kind": "block_patch", "patch": 8})
    white = {"images": tf.ones([BATCH, *SHAPE])}
    measured = [game.observe_fake(white, Draws(seed_of(seed), BATCH))["images"].numpy() for seed in range(5)]
    assert all(np.sum(images == -1) == BATCH * 64 for images in measured)
    assert len(np.unique(np.concatenate(measured).reshape(20, -1), axis=0)) > 10  # of 81 positions


def test_gradients_reach_the_generator_through_the_measurement():
    """With all pixels blocked there is no gradient; otherwise it passes through the mask alone."""
    for probability, moved in ((1.0, False), (0.5, True)):
        game = game_of({"kind": "block_pixels", "probability": probability}, norm="none")
        with tf.GradientTape() as tape:
            turn = game.generator_turn({"images": tf.zeros([BATCH, *SHAPE])}, Draws(seed_of(1), BATCH))
            loss = game.objective.generator_losses(turn)["non_saturating"]
        gradient = tape.gradient(
            loss, [v.value for v in game.generator.trainable_variables], unconnected_gradients="zero"
        )
        assert (tf.linalg.global_norm(gradient) > 0) == moved


def test_blocking_pixels_with_probability_zero_is_the_plain_game_bit_for_bit():
    measured, plain, blocked = (
        play(trainer_of(settings_of(measurement, steps=2)))
        for measurement in (
            {"kind": "block_pixels", "probability": 0},
            {"kind": "none"},
            {"kind": "block_pixels", "probability": 0.5},
        )
    )
    assert_same(measured, plain)
    assert any(not np.array_equal(blocked[name], plain[name]) for name in plain)


def test_ignore_shows_fakes_unmeasured_and_reals_measured():
    game = game_of({"kind": "block_pixels", "probability": 1}, ignore=True)
    images, measure = training_view(
        SOURCE, recipe_tables.DataSettings(measurement={"kind": "block_pixels", "probability": 1})
    )
    turn = turn_of(game, next(iter(batches(images, None, BATCH, 0, measure=measure))))
    assert np.all(turn.real["images"] == -1)
    assert np.all(turn.fake["images"] != -1)


def test_a_plain_model_on_measured_data_ignores_the_measurement_too():
    widths = {name: SMALL[name] for name in ("noise_size", "generator_channels", "discriminator_channels")}
    plain = settings_of({"kind": "block_pixels"}, "dcgan", steps=2, sizes=widths)
    ignoring = settings_of({"kind": "block_pixels"}, steps=2, ignore=True)
    assert_same(play(trainer_of(plain)), play(trainer_of(ignoring)))


def test_unmeasured_data_is_treated_as_plain_images():
    game = game_of({"kind": "block_pixels", "unmeasure": True})
    assert game.sees_images
    fake = {"images": tf.zeros([BATCH, *SHAPE])}
    assert game.observe_fake(fake, None) is fake
    lines = game_of({"kind": "pad_rotate_project_theta", "unmeasure": True})
    assert lines.discriminator.input["images"].shape == (None, *SHAPE)


def test_discriminator_of_lines_depends_on_their_angle():
    game = game_of(LINES, conditional=True, norm="none")
    assert {tensor.name: tensor.shape[1:] for tensor in game.discriminator.inputs} == {
        "images": (23 + 1, 2), "labels": (), "theta": (4,),
    }  # fmt: skip
    batch = {"images": tf.ones([2, 24, 2]), "labels": tf.zeros([2], tf.int32)}
    logits = [game.discriminator({**batch, "theta": tf.fill([2, 4], value)})["logits"] for value in (0.0, 1.0)]
    assert np.all(logits[0] != logits[1])
    assert "theta" not in {tensor.name for tensor in game_of({"kind": "pad_rotate_project"}).discriminator.inputs}


def test_a_discriminator_of_measurements_is_not_applied_to_images():
    assert players_of(game_of({"kind": "none"})).outputs["logits"] == 1
    players = players_of(game_of({"kind": "block_pixels"}))
    assert players.discriminate is None
    assert players.outputs == {}
    assert players.prior is not None


@pytest.mark.parametrize(
    ("measurement", "model", "arguments", "message"),
    [
        ({"kind": "none"}, "ambientgan", {"loss": "wasserstein"}, "norm=layer, spectral or none"),
        (LINES, "ambientgan", {"ignore": True}, r"of the images' shape \[16, 16, 1\], and theirs is \[24, 2\]"),
        (LINES, "dcgan", {}, r"turns images of \[16, 16, 1\] into \[24, 2\].* use --model=ambientgan"),
        ({"kind": "block_patch", "patch": 17}, "dcgan", {}, "patch=17 does not fit into images of 16x16"),
    ],
)
def test_unsupported_combinations_are_refused(measurement, model, arguments, message):
    with pytest.raises(ZooError, match=message):
        building.game_builder(settings_of(measurement, model, sizes={}, **arguments), SHAPE, 3)()


def test_the_conditional_game_needs_labels():
    with pytest.raises(ZooError, match="conditional=true needs labels"):
        game_of(LINES, classes=0, conditional=True)


def test_a_run_on_lines_resumes_bit_for_bit_with_the_same_data(tmp_path):
    settings = settings_of(LINES, conditional=True, loss="wasserstein", norm="layer")
    uninterrupted = trainer_of(settings)
    checkpoints = Checkpoints(tmp_path, uninterrupted.variables())
    end = play(uninterrupted, [Callback(2, lambda step, means: step == 2 and checkpoints.save(step))])
    resumed = trainer_of(settings)
    assert Checkpoints(tmp_path, resumed.variables()).restore_latest() == 2
    assert_same(play(resumed), end)
