"""Games so small that a step takes a millisecond, and the recipes to play them by."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core import recipe
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.layers import BatchNorm, SpectralNormalization
from tfgan_zoo.objectives.adversarial import NonSaturating
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

POINTS = np.random.default_rng(3).normal(size=[64, 2]).astype(np.float32)


def dense(units, name, **settings):
    return keras.layers.Dense(units, name=name, dtype=keras.config.dtype_policy(), **settings)


def points_game(objective=None, one_pass=True, kernel_regularizer=None, statistics=True):
    """A generator with batch norm and a spectrally normalised discriminator, both for points in the plane.

    statistics: False leaves out everything that is not a pure function of the weights.
    """
    noise = keras.Input([3], name="noise")
    h = dense(8, "dense_1")(noise)
    h = keras.layers.ReLU()(BatchNorm(name="norm")(h) if statistics else h)
    generator = keras.Model({"noise": noise}, dense(2, "dense_2")(h), name="generator")
    images = keras.Input([2], name="images")
    hidden = dense(8, "dense_1", kernel_regularizer=kernel_regularizer)
    h = keras.layers.LeakyReLU(0.2)((SpectralNormalization(hidden) if statistics else hidden)(images))
    discriminator = keras.Model({"images": images}, {"logits": dense(1, "logits")(h)}, name="discriminator")
    return Game(generator, discriminator, Prior(3), objective or NonSaturating(), one_pass=one_pass)


def points_recipe(**changes):
    """A recipe for 12 steps of batch 8; `changes` are nested plain values."""
    sgd = {"name": "sgd", "learning_rate": 0.1}
    table = {
        "model": "none",
        "steps": 12,
        "batch_size": 8,
        "steps_per_call": 5,
        "generator_optimizer": sgd,
        "discriminator_optimizer": sgd,
    }
    return recipe.parse({**table, **changes})


@contextlib.contextmanager
def eagerly():
    """Functions are called and not traced: the first few steps take a quarter of the time that a graph takes to trace."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def start_from_zero(patch):
    """Kernels are 0 instead of random; large and orthogonal ones take their time. `patch`: a `pytest.MonkeyPatch`."""

    def zeros(self, shape, dtype=None):
        return tf.zeros(shape, dtype or keras.config.floatx())

    for kind in ("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"):
        patch.setattr(getattr(keras.initializers, kind), "__call__", zeros)


def played(settings, build=points_game, strategy=None, points=POINTS, callbacks=()):
    """The `Trainer` of `settings` after all its steps."""
    trainer = Trainer(settings, build, strategy or make_strategy("one"))
    play(trainer, points, callbacks)
    return trainer


def play(trainer, points=POINTS, callbacks=(), stopping=lambda: False):
    """Takes the steps that are left."""

    def make_batches(stage, first, local):
        return batches(points, None, stage.batch_size, trainer.recipe.seed, first, replicas=trainer.replicas)

    train(trainer, make_batches, [Callback(0, lambda step, means: None), *callbacks], stopping)


def values(trainer):
    """{name: array} of everything that the run is."""
    return {name: np.array(v.numpy()) for name, v in trainer.variables().items()}


def assert_same(a, b, tolerance=0.0):
    """Every variable equal, bit for bit where the tolerance is 0."""
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=tolerance, atol=tolerance, err_msg=name)
