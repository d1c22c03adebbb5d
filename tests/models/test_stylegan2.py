"""StyleGAN2's game: what is mixed, what psi and noise do, its terms, and path lengths against closed forms."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Turn
from tfgan_zoo.models import stylegan2
from tfgan_zoo.objectives import PathLength, path_lengths
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.version_folder import load_version, write_version

EXPORTS = Path(__file__).parents[2] / "export"
SHAPE = (16, 16, 1)
SMALL = {"channel_base": 64, "channel_maximum": 8, "noise_size": 6, "style_size": 5, "mapping_layers": 2}
COUNT = 40


@pytest.fixture(scope="module")
def game():
    """A small game whose noise has an effect."""
    keras.utils.set_random_seed(0)
    game = stylegan2.build(SHAPE, **SMALL)
    for layer in game.synthesis.layers:
        if layer.name.startswith("strength"):
            layer.strength.assign(0.3)
    return game


def latents_of(game, seed=0, **changes):
    return {**game.prior.sample(Draws(seed_of(seed), COUNT)), **changes}


def test_the_terms_are_lazy_and_weigh_what_the_authors_do(game):
    terms = {name: (weight, term.every) for name, weight, term in game.objective.terms}
    assert terms == {"non_saturating": (1, 1), "r1": (1, 16), "path_length": (2, 4)}
    plain = stylegan2.build(SHAPE, path_length=False, r1_every=1, **SMALL).objective
    assert {name: term.every for name, _, term in plain.terms} == {"non_saturating": 1, "r1": 1}


def test_the_styles_of_two_latents_are_mixed_from_a_random_layer_on(game):
    draws = Draws(seed_of(1), COUNT)
    latents = latents_of(game)
    styles = game.generate(latents, draws)["styles"].numpy()
    w = game.mapping({"noise": latents["noise"]}).numpy()
    other = game.mapping({"noise": game.prior.sample(draws.fold("style mixing"))["noise"]}).numpy()
    own = np.isclose(styles, w[:, None]).all(2)  # [B, L]
    np.testing.assert_allclose(styles, np.where(own[:, :, None], w[:, None], other[:, None]), atol=1e-6)
    first = own.sum(1)  # the layers before the first of the other latent
    assert (np.sort(own, axis=1)[:, ::-1] == own).all(), "own styles come first"
    rows = styles.shape[1]
    assert rows == 6
    assert first.min() >= 1
    mixed = draws.uniform("mixed").numpy() < 0.9
    np.testing.assert_array_equal(first < rows, mixed)
    assert set(first[mixed]) == set(range(1, rows))


def test_without_mixing_the_turn_draws_what_the_generator_does(game):
    plain = stylegan2.build(SHAPE, style_mixing=0, **SMALL)
    latents = latents_of(plain)
    made = plain.generate(latents, Draws(seed_of(1), COUNT))
    assert (made["styles"].numpy() == made["styles"].numpy()[:, :1]).all()
    np.testing.assert_allclose(made["images"], plain.generator(latents), atol=1e-5)


def test_psi_0_gives_everyone_the_average_style_and_noise_changes_details(game):
    latents = latents_of(game, psi=tf.zeros([COUNT, 1]))
    for name, (height, width, _) in game.prior.maps.items():
        latents[name] = tf.zeros([COUNT, height, width, 1])
    alike = game.generator(latents).numpy()
    np.testing.assert_allclose(alike, alike[:1].repeat(COUNT, 0), atol=1e-6)
    noisy = game.generator({**latents, "noise_16x16": tf.ones([COUNT, 16, 16, 1])}).numpy()
    assert np.abs(noisy - alike).max() > 1e-3


def test_the_mean_style_follows_w_in_the_turn_only():
    game = stylegan2.build(SHAPE, style_decay=0.75, **SMALL)
    latents, mean = latents_of(game), game.generator.get_layer("truncation").mean
    game.generator(latents)
    assert not np.any(mean.value)
    game.generate(latents, Draws(seed_of(0), COUNT))
    w = game.mapping({"noise": latents["noise"]}).numpy()
    np.testing.assert_allclose(mean.value, 0.25 * w.mean(0), atol=1e-6)


def test_the_class_is_an_input_of_both_players_only_where_asked_for():
    conditional = stylegan2.build(SHAPE, 3, conditional=True, **SMALL)
    labels = tf.range(3)
    logits = conditional.discriminator({"images": tf.ones([3, *SHAPE]), "labels": labels})["logits"]
    assert len(np.unique(logits)) == 3
    w = conditional.mapping({"noise": tf.ones([3, 6]), "labels": labels})
    assert len(np.unique(w[:, 0])) == 3
    made = conditional.generate(
        {**conditional.prior.sample(Draws(seed_of(0), 3)), "labels": labels}, Draws(seed_of(0), 3)
    )
    assert made["images"].shape == (3, *SHAPE)
    with pytest.raises(ZooError, match="needs labels"):
        stylegan2.build(SHAPE, conditional=True, **SMALL)


# ---------------------------------------------------------------------------------------------------------- path length


def linear_images(matrix):
    """Images [B, 2, 2, 1] = (sum over layers of styles [B, L, W]) @ matrix [W, 4]."""
    return lambda styles, fake=None: tf.reshape(tf.reduce_sum(styles, axis=1) @ matrix, [-1, 2, 2, 1])


def test_path_lengths_of_linear_images_are_those_of_the_matrix():
    random = np.random.default_rng(0)
    matrix, y = random.normal(size=(3, 4)), random.normal(size=(5, 2, 2, 1))
    found = path_lengths(
        linear_images(matrix), tf.constant(random.normal(size=(5, 7, 3))), lambda shape: tf.constant(y)
    )
    np.testing.assert_allclose(found, np.linalg.norm(y.reshape(5, 4) @ matrix.T, axis=1))  # the mean over equal layers


def turn_of(styles, seed=0):
    return Turn(None, {}, {"styles": styles}, Draws(seed_of(seed), styles.shape[0]))


def test_the_penalty_is_around_a_running_mean_of_the_lengths_and_its_gradient_is_right():
    matrix = tf.Variable(np.random.default_rng(1).normal(size=(3, 4)))
    term, styles = PathLength(linear_images(matrix), rate=0.25), tf.ones([6, 2, 3], tf.float64)
    y = Draws(seed_of(0), 6).normal("path length", [2, 2, 1]).numpy().reshape(6, 4).astype(float) / 2  # / sqrt(2 * 2)
    lengths = np.linalg.norm(y @ matrix.numpy().T, axis=1)
    means = [0.25 * lengths.mean(), (0.25 + 0.75 * 0.25) * lengths.mean()]
    for mean in means:
        with tf.GradientTape() as tape:
            loss = term.generator_loss(turn_of(styles))
        np.testing.assert_allclose(loss, np.mean((lengths - mean) ** 2), rtol=1e-6)
        np.testing.assert_allclose(term.state["mean"], mean, rtol=1e-6)
    # d/dM of (|M y| - a)^2 is 2 (|M y| - a) (M y) y^T / |M y|; a is not differentiated
    expected = sum(
        2 * (length - mean) / 6 * np.outer(matrix.numpy() @ row, row) / length
        for length, row in zip(lengths, y, strict=True)
    )
    np.testing.assert_allclose(tape.gradient(loss, matrix), expected, rtol=1e-6)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A generator whose noise has an effect, loaded from its version folder."""
    keras.utils.set_random_seed(0)
    game = stylegan2.build(SHAPE, 3, conditional=True, **SMALL)
    for variable in game.generator.variables:
        if variable.path.endswith("strength"):
            variable.assign(0.5)
    folder = tmp_path_factory.mktemp("export") / "style"
    module = ExportedGenerator(game.generator, game.prior)
    return load_version(write_version(module, folder, {"summary": "A toy.", "scores": [], "num_classes": 3}))


def test_synthesis_of_the_mapped_styles_is_the_generator(exported):
    labels = np.array([2, 0], np.int32)
    styles = exported.styles([5, 6], 0.5, labels)
    assert styles.shape == (2, *exported.styles_shape) == (2, 6, 5)
    np.testing.assert_array_equal(styles, np.repeat(styles[:, :1], styles.shape[1], axis=1))
    images = exported.from_latents(labels=labels, **exported.latent_inputs([5, 6], 0.5))
    np.testing.assert_allclose(exported.from_styles(styles), images, atol=1e-6)


def test_styles_of_two_seeds_mix_by_their_rows(exported):
    one, other = exported.styles([1, 2], labels=[0, 1])
    mixed = np.stack([np.where(np.arange(len(one))[:, None] < rows, one, other) for rows in range(len(one) + 1)])
    images = exported.from_styles(mixed)
    ends = exported.from_styles(np.stack([other, one]))
    np.testing.assert_allclose(images[[0, -1]], ends, atol=1e-6)
    steps = np.abs(np.diff(images, axis=0)).max(axis=(1, 2, 3))
    assert (steps > 1e-4).all()  # every row has its part in the image


def test_styles_of_another_shape_and_generators_without_are_refused(exported):
    with pytest.raises(ZooError, match=r"styles have shape \[2, 5\]; expected \[N, 6, 5\]"):
        exported.from_styles(np.zeros([2, 5]))
    with pytest.raises(ZooError, match=r"styles: got rows \[0\]; expected at least one"):
        exported.from_styles(np.zeros([0, 6, 5]))
    with pytest.raises(ZooError, match="draws no images from styles"):
        load_version(EXPORTS / "sngan_mnist" / "1").styles([0])


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["precision=mixed_bfloat16", "arguments.float16_resolutions=2"])
def test_2000_steps_in_half_precision_stay_finite(setting, tmp_path):
    changes = [setting, "data.resolution=16", "arguments.channel_base=128", "arguments.channel_maximum=16"]
    changes += ["arguments.path_length=true", "arguments.style_mixing=0.9", "steps=2000", "batch_size=8"]
    changes += ["augmentation=bgc", "augmentation_feedback={}", "evaluation.samples=500"]
    if setting.startswith("arguments"):
        changes.append("precision=float32")
    command = [sys.executable, "-m", "tfgan_zoo.train", "--model=stylegan2", f"--workdir={tmp_path / 'run'}"]
    result = subprocess.run([*command, *(f"--set={change}" for change in changes)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]  # a loss that is not finite would end it
    assert "step 2,000/2,000" in result.stdout + result.stderr
    images = load_version(tmp_path / "run" / "export" / "stylegan2" / "1").sample(np.arange(8))
    assert images.std(axis=0).max() > 10, "the images differ"
