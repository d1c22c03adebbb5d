"""Differentiable augmentation against NumPy; its draws; its use in a game; without it, nothing changes."""

import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, eagerly, values

from tfgan_zoo.core import recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.observation.augmentation import AUGMENTATIONS, Augmentation, augment, draws_for
from tfgan_zoo.runs import building
from tfgan_zoo.training.loop import train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

SHAPE = (16, 8, 3)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (6, *SHAPE)).astype(np.float32)


def draws(total=6, first=0, count=None, seed=5):
    return Draws(seed_of(seed), total, first, count)


# --- each against NumPy, example by example


def color_by_numpy(image, d, i):
    b, s, c = (d.uniform(name).numpy()[i] for name in ("brightness", "saturation", "contrast"))
    image = image + (b - 0.5)
    image = (image - image.mean(-1, keepdims=True)) * 2 * s + image.mean(-1, keepdims=True)
    return (image - image.mean()) * (c + 0.5) + image.mean()


def translation_by_numpy(image, d, i):
    down, right = (d.integers(f"shift {axis}", 2 * r + 1).numpy()[i] - r for axis, r in ((1, 2), (2, 1)))
    result = np.zeros_like(image)
    for y in range(SHAPE[0]):
        for x in range(SHAPE[1]):
            if 0 <= y + down < SHAPE[0] and 0 <= x + right < SHAPE[1]:
                result[y, x] = image[y + down, x + right]
    return result


def cutout_by_numpy(image, d, i):
    y, x = (d.integers(f"cut {axis}", side + 1).numpy()[i] for axis, side in ((1, 16), (2, 8)))
    result = image.copy()
    result[max(y - 4, 0) : y + 4, max(x - 2, 0) : x + 2] = 0
    return result


BY_NUMPY = {"color": color_by_numpy, "translation": translation_by_numpy, "cutout": cutout_by_numpy}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_equals_numpys(name):
    augmented = AUGMENTATIONS[name](tf.constant(IMAGES), draws()).numpy()
    expected = [BY_NUMPY[name](image, draws(), i) for i, image in enumerate(IMAGES)]
    np.testing.assert_allclose(augmented, expected, atol=1e-6)
    assert np.abs(augmented - IMAGES).max() > 0.1


def test_shifts_are_up_to_an_eighth_of_the_side_and_cutouts_half_of_it():
    many = draws(4000)
    marked = np.zeros([4000, 16, 16, 1], np.float32)
    marked[:, 8, 8] = 1
    rows, columns = np.nonzero(AUGMENTATIONS["translation"](tf.constant(marked), many).numpy()[..., 0])[1:]
    for positions in (rows, columns):
        assert sorted(set(positions)) == [6, 7, 8, 9, 10]
        assert np.bincount(positions)[6:].min() > 4000 / 5 - 5 * 4000**0.5 * 0.4
    cut = (AUGMENTATIONS["cutout"](tf.ones([4000, 16, 16, 1]), many).numpy() == 0).sum(axis=(1, 2, 3))
    assert (cut.min(), cut.max()) == (16, 64)  # 4x4 inside the image at a corner, 8x8 in the middle


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradient_is_that_of_an_affine_map(name):
    """For fixed draws each is affine: f(x + d) - f(x) = J d; and <J d, w> = <d, J^T w>, which the tape gives."""
    x, d, w = (np.random.default_rng(i).normal(size=IMAGES.shape) for i in range(3))
    x, w = tf.constant(x), tf.constant(w)
    function = lambda images: AUGMENTATIONS[name](images, draws())  # noqa: E731
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x) * w)
    difference = tf.reduce_sum((function(x + d) - function(x)) * w)
    np.testing.assert_allclose(tf.reduce_sum(tape.gradient(total, x) * d), difference, rtol=1e-9)
    assert abs(float(difference)) > 0.1


# --- draws


def test_example_is_augmented_identically_on_any_number_of_replicas_and_unlike_its_neighbour():
    augmentation = Augmentation(["color", "translation", "cutout"])
    same = tf.tile(tf.constant(IMAGES[:1]), [6, 1, 1, 1])
    together = augmentation({"images": same}, draws(), "real")["images"].numpy()
    for first in (0, 3):
        share = augmentation({"images": same[:3]}, draws(6, first, 3), "real")["images"].numpy()
        np.testing.assert_array_equal(share, together[first : first + 3])
    assert all(np.abs(together[i] - together[j]).max() > 0.01 for i in range(6) for j in range(i))
    other = augmentation({"images": same}, draws(), "fake")["images"].numpy()
    assert np.abs(together - other).max() > 0.1
    labelled = augmentation({"images": same, "labelled_images": same, "labels": 3}, draws(), "real")
    assert np.abs(labelled["labelled_images"].numpy() - together).max() > 0.1
    assert labelled["labels"] == 3


def test_draws_of_reals_follow_their_own_batch_size():
    """Share 2 of 4, with 5 fakes and 3 reals per share: reals 6 to 8 of 12."""
    share = draws_for(draws(20, 10, 5), 3)
    assert (share.total, int(share.first), share.count) == (12, 6, 3)
    np.testing.assert_array_equal(share.uniform("x"), draws(12).uniform("x")[6:9])


# --- in a game


def settings(augmentation=(), model="sgan", steps=3, **changes):
    arguments = {"network": "compact", "channels": 2, "dense": 4, "noise_size": 3}
    table = {"model": model, "steps": steps, "batch_size": 4, "arguments": arguments, "augmentation": augmentation}
    return recipe.parse({**table, **changes})


PIXELS = np.random.default_rng(1).integers(0, 256, [20, 16, 16, 1], np.uint8)
LABELS = np.arange(20, dtype=np.int32) % 2


def trained(a_recipe, build=None, strategy=None):
    build = build or building.game_builder(a_recipe, (16, 16, 1), 2)
    trainer = Trainer(a_recipe, build, strategy or make_strategy("one"))

    def make_batches(stage, first, local):
        return batches(PIXELS, LABELS, stage.batch_size, 0, first, replicas=trainer.replicas)

    with eagerly():
        train(trainer, make_batches, [])
    return trainer


def test_without_augmentation_the_weights_are_bit_identical_to_those_of_a_bare_game():
    plain = settings(model="acgan")
    from tfgan_zoo.models.acgan import build

    bare = trained(plain, lambda: build((16, 16, 1), 2, **plain.arguments))
    assert bare.game.augmentation is None
    from_recipe = trained(plain)
    assert_same(values(bare), values(from_recipe))
    empty = trained(plain, lambda: with_empty_hook(build((16, 16, 1), 2, **plain.arguments)))
    assert_same(values(bare), values(empty))
    other = values(trained(settings(["color"], model="acgan")))
    assert any(np.abs(other[name] - value).max() > 1e-4 for name, value in values(bare).items())


def with_empty_hook(game):
    game.augmentation = Augmentation([])
    return game


def test_both_players_see_augmented_images_with_fresh_draws_in_each_turn():
    game = building.game_builder(settings(["color", "translation", "cutout"], model="wgan_gp"), (16, 16, 1), 0)()
    real = {"images": tf.constant(IMAGES[:4, :, :, :1].repeat(2, axis=2))}
    first, second = game.discriminator_turn(real, draws(4)), game.discriminator_turn(real, draws(4, seed=6))
    assert np.abs(first.real["images"] - real["images"]).max() > 0.1
    assert np.abs(first.real["images"] - second.real["images"]).max() > 0.1
    with tf.GradientTape() as tape:
        turn = game.generator_turn(real, draws(4))
        loss = tf.add_n(list(game.objective.generator_losses(turn).values()))
    gradients = tape.gradient(loss, [w.value for w in game.generator.trainable_variables])
    assert all(np.abs(g).max() > 0 for g in gradients)
    np.testing.assert_array_equal(
        game.generator_turn({"images": real["images"][:2]}, draws(4)).fake["images"], turn.fake["images"]
    )


@pytest.mark.parametrize("model", ["wgan_gp", pytest.param("dragan", marks=pytest.mark.slow)])
def test_two_replicas_equal_one_under_a_gradient_penalty(model, two_replicas):
    a_recipe = settings(["color", "translation", "cutout"], model, 2, precision="float64", generator_batch_size=8)
    one, two = (values(trained(a_recipe, strategy=s)) for s in (None, two_replicas))
    assert_same(one, two, tolerance=1e-9)


def test_growing_games_augment_at_the_resolution_of_the_stage():
    table = {
        "model": "pggan",
        "batch_size": 4,
        "arguments": {"noise_size": 4, "feature_base": 16, "feature_maximum": 4},
        "stages": [{"steps": 1, "batch_size": 4, "resolution": 4}, {"steps": 1, "batch_size": 4, "resolution": 8}],
        "augmentation": ["translation"],
    }
    a_recipe = recipe.parse(table)
    game = building.game_builder(a_recipe, (8, 8, 1), 0)()
    game.enter(a_recipe.schedule[0])
    game.advance(tf.constant(0.0))
    turn = game.discriminator_turn({"images": tf.ones([4, 8, 8, 1])}, draws(4))
    assert turn.real["images"].shape == turn.fake["images"].shape == (4, 4, 4, 1)
    assert set(np.unique(turn.real["images"])) == {0.0, 1.0}  # shifted by a pixel of 4, after halving


def test_points_and_measurements_are_refused():
    points = settings(["color"], "wgan_gp", arguments={"network": "mlp", "hidden": [4]})
    with pytest.raises(ZooError, match=r"augmentation=\['color'\] applies to images, but the data has shape \[2\]"):
        building.game_builder(points, (2,), 0)()
    measured = recipe.parse(
        {
            "model": "ambientgan",
            "steps": 1,
            "arguments": {"noise_size": 4, "generator_channels": 2, "discriminator_channels": 2},
            "data": {"measurement": {"kind": "block_pixels"}},
            "augmentation": ["cutout"],
        }
    )
    with pytest.raises(ZooError, match="discriminator sees measurements"):
        building.game_builder(measured, (16, 16, 1), 0)()


def test_repeated_or_unknown_augmentations_are_refused():
    with pytest.raises(ZooError, match="names one twice"):
        settings(["color", "color"])
    with pytest.raises(
        ZooError,
        match=r"augmentation\.0: Input should be 'color', 'translation', 'cutout', 'blit', 'geometry', 'color_matrix' or 'bgc'",
    ):
        settings(["colour"])
    game = object()
    assert augment(game, ()) is game
