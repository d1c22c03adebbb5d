"""Everything that two replicas must share: with it they train as one device does, and without it they do not.

Each test takes one reduction, one share or one draw out and shows that the comparison would have noticed.
"""

import keras
import pytest
import tensorflow as tf
from small_games import POINTS, assert_same, dense, points_game, points_recipe, values

from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.game import Game, lazy
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.layers import MinibatchStdDev, batch_normalization
from tfgan_zoo.objectives.adversarial import NonSaturating
from tfgan_zoo.objectives.penalties import Dragan, scaled_uniform_noise
from tfgan_zoo.training import loop, trainer
from tfgan_zoo.training.averaging import MovingAverage
from tfgan_zoo.training.loop import train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

TOLERANCE = 1e-9  # of float64, whose sums are only added in another order


def plain_game():
    return points_game(statistics=False)


def noisy_game():
    """A penalty in a neighbourhood whose size is the deviation of the whole batch."""
    return points_game(NonSaturating() + 10 * Dragan(noise=scaled_uniform_noise), statistics=False)


def lazy_game():
    return points_game(NonSaturating() + lazy(10 * Dragan(noise=scaled_uniform_noise), every=2), statistics=False)


def minibatch_game():
    """The discriminator sees the deviation over the whole batch."""
    game = plain_game()
    images = keras.Input([2], name="images")
    h = MinibatchStdDev(dtype=keras.config.dtype_policy())(keras.layers.LeakyReLU(0.2)(dense(8, "dense_1")(images)))
    discriminator = keras.Model({"images": images}, {"logits": dense(1, "logits")(h)}, name="discriminator")
    return Game(game.generator, discriminator, Prior(3), NonSaturating())


def without_gradients(patch):
    patch.setattr(keras.optimizers.SGD, "_all_reduce_sum_gradients", lambda self, pairs: pairs)


def without_means(patch):
    patch.setattr("tfgan_zoo.objectives.penalties.mean_over_replicas", lambda x: x)


def without_rows(patch):
    for name in ("rows_of_all_replicas", "rows_of_this_replica"):
        patch.setattr(f"tfgan_zoo.layers.minibatch_stddev.{name}", lambda x: x)


def without_statistics(patch):
    moments = batch_normalization.global_moments
    patch.setattr(batch_normalization, "global_moments", lambda x, context, replicas: moments(x, context, 1))


def without_shares(patch):
    """Every replica takes the examples of the first."""
    patch.setattr(loop, "local_replicas", lambda context: range(0, 1))


def without_own_draws(patch):
    patch.setattr(trainer, "Draws", lambda seed, total, first, share: Draws(seed, total, 0, share))


def without_all_images(patch):
    """The average counts the images of one replica."""
    update = MovingAverage.update
    patch.setattr(MovingAverage, "update", lambda self, network, step, images: update(self, network, step, images // 2))


def without_summed_losses(patch):
    """The guard sees the loss of one replica: half of its share."""
    patch.setattr(
        tf.distribute.MirroredStrategy,
        "reduce",
        lambda self, op, value, axis: self.experimental_local_results(value)[0],
    )


CASES = {
    "gradients": (plain_game, {}, without_gradients),
    "spectral norm and batch statistics of unequal weights": (points_game, {}, without_gradients),
    "a penalty's statistics": (noisy_game, {}, without_means),
    "a lazy penalty's statistics": (lazy_game, {}, without_means),
    "rows of the whole batch": (minibatch_game, {}, without_rows),
    "batch statistics": (points_game, {}, without_statistics),
    "shares of the data": (plain_game, {}, without_shares),
    "draws": (plain_game, {}, without_own_draws),
    "images of the moving average": (plain_game, {"averaging": {"half_life": 20.0}}, without_all_images),
    "losses of the guard": (plain_game, {"guard": {"on_collapse": "stop", "every_steps": 4}}, without_summed_losses),
}


def trained(build, changes, strategy):
    """The `Trainer` after four steps in float64."""
    settings = points_recipe(steps=4, steps_per_call=4, precision="float64", **changes)
    made = Trainer(settings, build, strategy)

    def make_batches(stage, first, local):
        return batches(POINTS, None, stage.batch_size, 0, first, replicas=made.replicas, local=local)

    train(made, make_batches, [])
    return made


def differences_between_replicas(made):
    """The names of the variables that are not the same on both replicas."""

    def stored(variable):
        return variable.value if isinstance(variable, keras.Variable) else variable

    replicas = {
        name: [local.numpy() for local in made.strategy.experimental_local_results(stored(v))]
        for name, v in made.variables().items()
    }
    return [name for name, (first, *others) in replicas.items() if any(first.tobytes() != o.tobytes() for o in others)]


@pytest.mark.parametrize("name", CASES)
def test_two_replicas_train_as_one_device_does_and_without_what_they_share_they_do_not(name, two_replicas, monkeypatch):
    build, changes, take_out = CASES[name]
    expected = values(trained(build, changes, make_strategy("one")))
    together = trained(build, changes, two_replicas)
    assert_same(values(together), expected, TOLERANCE)
    assert differences_between_replicas(together) == []
    take_out(monkeypatch)
    apart = trained(build, changes, two_replicas)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(values(apart), expected, 1e-4)
