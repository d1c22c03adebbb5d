"""Top-k training: the gradient of the images with the highest logits alone, on any number of replicas."""

import numpy as np
import pytest
import tensorflow as tf
from small_games import assert_same, played, points_game, points_recipe, values

from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.top_k import learning_from_top
from tfgan_zoo.objectives import LeastSquares, NonSaturating, RelativisticPairing
from tfgan_zoo.runs import building

LOGITS = np.random.default_rng(0).normal(size=[7, 1])


@pytest.mark.parametrize(("share", "count"), [(1.0, 7), (0.5, 4), (2 / 7, 2), (0.01, 1), (0.0, 1)])
def test_gradient_is_that_of_the_mean_over_the_highest_and_values_stay(share, count):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        outputs = learning_from_top(
            {"logits": logits, "features": tf.tile(logits[:, None], [1, 3, 2])}, tf.constant(share)
        )
        loss = tf.reduce_mean(outputs["logits"] ** 3) + tf.reduce_mean(outputs["features"])
    np.testing.assert_array_equal(outputs["logits"], LOGITS)
    kept = np.argsort(-LOGITS[:, 0])[:count]
    expected = np.zeros_like(LOGITS)
    expected[kept] = (3 * LOGITS[kept] ** 2 + 1) / count
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-12)


@pytest.mark.parametrize(("share", "size", "count"), [(0.3, 50, 15), (0.6, 100, 60), (0.15, 100, 15)])
def test_rounding_takes_no_image_too_many(share, size, count):
    logits = tf.reshape(tf.range(size, dtype=tf.float32), [-1, 1])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(learning_from_top({"logits": logits}, tf.constant(share))["logits"])
    assert np.count_nonzero(tape.gradient(loss, logits)) == count


def test_equal_logits_are_as_many_as_asked_for():
    logits = tf.zeros([6, 4, 4, 1])  # of patches
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_mean(learning_from_top({"logits": logits}, tf.constant(0.5))["logits"])
    per_example = tf.reduce_sum(tape.gradient(loss, logits), axis=[1, 2, 3])
    np.testing.assert_allclose(per_example, [1 / 3] * 3 + [0] * 3, rtol=1e-6)


@pytest.mark.parametrize("model", ["ebgan", "began"])
def test_a_discriminator_without_logits_is_refused_when_the_game_is_built(model):
    settings = recipe.parse({"model": model, **catalog.preset_table(model, "quickstart"), "top_k": 0.5})
    with pytest.raises(ZooError, match="top_k needs logits, and this model's discriminator puts out"):
        building.game_builder(settings, (32, 32, 1), 0)()


@pytest.mark.parametrize("term", [NonSaturating, LeastSquares, RelativisticPairing])
def test_two_replicas_choose_from_the_whole_batch(two_replicas, term):
    def build():
        return points_game(term())

    settings = points_recipe(steps=3, precision="float64", top_k={"start": 1, "end": 0.25})
    one, two = (values(played(settings, build, strategy)) for strategy in (None, two_replicas))
    assert_same(two, one, tolerance=1e-6)
    everything = values(played(points_recipe(steps=3, precision="float64"), build, None))
    assert any(not np.allclose(one[name], everything[name]) for name in one)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 1.5}, "1.5 is out of range; expected a number in"),
        ({"top_k": -0.1}, "greater than 0"),
        ({"top_k": 0}, "greater than 0"),
        ({"top_k": 0.5, "accumulation": 2}, "top_k chooses from a whole batch"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ZooError, match=message):
        recipe.parse({"model": "gan", "steps": 1, **settings})
