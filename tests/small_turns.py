"""Discriminators so small that their gradients are known by hand, and turns on them."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.game import Turn

SHAPE = (1, 2, 1)


def discriminator(logits_of, shape=SHAPE):
    """A Keras model with the names of the zoo; `logits_of`: function of the flattened images [B, F] -> [B, 1]."""
    images = keras.Input(shape, name="images", dtype=keras.config.dtype_policy().variable_dtype)
    logits = logits_of(keras.layers.Flatten()(images))
    return keras.Model({"images": images}, {"logits": logits}, name="discriminator")


def linear(*w):
    """D(x) = w.x"""
    network = discriminator(keras.layers.Dense(1, use_bias=False))
    network.trainable_variables[0].assign(np.reshape(w, [-1, 1]))
    return network


def half_square(shape=SHAPE):
    """D(x) = |x|^2 / 2, whose gradient is x."""
    return discriminator(lambda x: keras.ops.sum(keras.ops.square(x), axis=1, keepdims=True) / 2, shape)


def two_layers():
    """D(x) = w.tanh(W x + b) + c"""
    return discriminator(lambda x: keras.layers.Dense(1)(keras.layers.Dense(3, activation="tanh")(x)))


def turn_of(network, real, fake=None, seed=0):
    real = tf.constant(real, "float64")
    fake = real if fake is None else tf.constant(fake, "float64")
    return Turn(network, {"images": real}, {"images": fake}, Draws(seed_of(seed), len(real)))


def images(batch=4, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, *SHAPE))


class Watched(Turn):
    """A turn that records what its discriminator is shown."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.shown = []

    def discriminate(self, batch):
        self.shown.append(batch)
        return super().discriminate(batch)


def watched(network, real, fake, one_pass=False):
    real, fake = {"images": tf.constant(real)}, {"images": tf.constant(fake)}
    return Watched(network, real, fake, Draws(seed_of(0), len(real["images"])), one_pass=one_pass)
