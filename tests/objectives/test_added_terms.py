"""The terms that any model can have by their weights, LeCam and bCR: closed forms, and what is differentiated."""

import functools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, played, points_game, points_recipe, values

from tfgan_zoo.core import recipe
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Turn
from tfgan_zoo.objectives import BalancedConsistency, LeCam, NonSaturating, le_cam
from tfgan_zoo.observation.augmentation import moved
from tfgan_zoo.runs.building import game_builder

RANDOM = np.random.default_rng(0)
LOGITS = [(RANDOM.normal(1, 1, [5, 1]), RANDOM.normal(-1, 1, [7, 1])) for _ in range(3)]


def turn_of(real, fake):
    return SimpleNamespace(on_real={"logits": tf.constant(real)}, on_fake={"logits": tf.constant(fake)})


def by_hand(real, fake, real_mean, fake_mean):
    return np.mean(np.maximum(real - fake_mean, 0) ** 2) + np.mean(np.maximum(real_mean - fake, 0) ** 2)


def test_the_means_begin_at_the_first_batch_and_then_move_a_little():
    term, means = LeCam(decay=0.75), None
    for real, fake in LOGITS:
        now = np.array([real.mean(), fake.mean()])
        means = now if means is None else 0.75 * means + 0.25 * now
        loss = term.discriminator_loss(turn_of(real, fake))
        np.testing.assert_allclose([term.state["real"].numpy(), term.state["fake"].numpy()], means, rtol=1e-6)
        np.testing.assert_allclose(loss, by_hand(real, fake, *means), rtol=1e-6)
    assert term.state["updates"].numpy() == 3


def test_logits_get_a_gradient_and_the_means_do_not():
    real, fake = (tf.constant(logits) for logits in LOGITS[0])
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        turn = SimpleNamespace(on_real={"logits": real}, on_fake={"logits": fake})
        loss = LeCam().discriminator_loss(turn)
    means = real.numpy().mean(), fake.numpy().mean()
    on_real, on_fake = tape.gradient(loss, [real, fake])
    np.testing.assert_allclose(on_real, 2 * np.maximum(real - means[1], 0) / 5, rtol=1e-5)
    np.testing.assert_allclose(on_fake, -2 * np.maximum(means[0] - fake, 0) / 7, rtol=1e-5)


def test_it_is_nothing_where_the_discriminator_knows_nothing():
    assert float(le_cam(tf.zeros([4]), tf.zeros([4]), 0.0, 0.0)) == 0


@pytest.mark.parametrize("term", ["le_cam", "balanced_consistency"])
@pytest.mark.parametrize("model", ["gan", "wgan", "dcgan"])
def test_any_model_has_it_by_its_weight(model, term):
    settings = recipe.parse({"model": model, "steps": 1, "weights": {term: 0.5}})
    terms = [name for name, _, _ in game_builder(settings, (16, 16, 1), 0)().objective.terms]
    assert terms[-1] == term
    without = recipe.parse({"model": model, "steps": 1})
    assert [name for name, _, _ in game_builder(without, (16, 16, 1), 0)().objective.terms] == terms[:-1]


def test_another_name_is_refused_with_what_there_is():
    settings = recipe.parse({"model": "gan", "steps": 1, "weights": {"lecam": 0.5}})
    with pytest.raises(ZooError, match=r"no term of the objective 'lecam'. Did you mean 'le_cam'.*non_saturating"):
        game_builder(settings, (16, 16, 1), 0)()


def test_consistency_is_of_images_and_refused_for_points():
    settings = recipe.parse({"model": "gan", "steps": 1, "weights": {"balanced_consistency": 10}})
    with pytest.raises(ZooError, match="moves images, but the discriminator sees points"):
        game_builder(settings, (2,), 0)()


def test_consistency_compares_each_image_with_itself_moved_by_its_own_draws():
    images = keras.Input([8, 8, 1], name="images")
    discriminator = keras.Model({"images": images}, {"logits": images[:, 4, 4] ** 2})
    batches = {
        name: {"images": tf.constant(RANDOM.normal(size=(6, 8, 8, 1)).astype("float32"))} for name in ("real", "fake")
    }
    draws = Draws(seed_of(1), 6)
    turn = Turn(discriminator, batches["real"], batches["fake"], draws)
    loss = BalancedConsistency(functools.partial(moved, mirror=True)).discriminator_loss(turn)
    expected = 0.0
    for name, batch in batches.items():
        mirrored = draws.uniform(f"consistency of {name} mirror").numpy() < 0.5
        x = batch["images"].numpy()
        y = np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
        shifts = [draws.integers(f"consistency of {name} shift {axis}", 3).numpy() - 1 for axis in (1, 2)]
        there = np.array([image[4 + down, 4 + right, 0] for image, down, right in zip(y, *shifts, strict=True)])
        expected += np.mean((x[:, 4, 4, 0] ** 2 - there**2) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_two_replicas_have_the_means_of_the_whole_batch(two_replicas):
    def build():
        return points_game(NonSaturating() + 2 * LeCam())

    settings = points_recipe(steps=3, precision="float64")
    one, two = (values(played(settings, build, strategy)) for strategy in (None, two_replicas))
    assert one["objective/le_cam/updates"] == 3
    assert_same(two, one, tolerance=1e-6)
