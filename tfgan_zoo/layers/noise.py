"""Dropout and Gaussian noise that come back bit for bit: pure functions of a seed and of a counter that is saved.

Srivastava et al. 2014 (JMLR 15); noise between the layers of a discriminator as in Springenberg 2015, arXiv:1511.06390, and
Salimans et al. 2016, arXiv:1606.03498. Keras' own layers draw the same mask on every replica.
"""

import random

import keras
import tensorflow as tf

from tfgan_zoo.core.draws import fold, seed_of
from tfgan_zoo.core.replicas import draws_for_replica


class NoiseLayer(keras.layers.Layer):
    """Counts its calls in training, and draws for each of them.

    Args:
        seed: whole number; drawn from Python's `random` where left out, which a training run seeds.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = random.randrange(2**31) if seed is None else seed

    def build(self, input_shape):
        self.calls = self.add_weight(name="calls", shape=(), dtype="int32", initializer="zeros", trainable=False)

    def draws(self, inputs):
        """The `Draws` of this call: other numbers in the next one."""
        count = tf.identity(self.calls.value)
        self.calls.assign(count + 1)
        batch = inputs.shape[0] if inputs.shape[0] is not None else tf.shape(inputs)[0]
        return draws_for_replica(fold(seed_of(self.seed), count), batch)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class Dropout(NoiseLayer):
    """In training each element is 0 with probability `rate`, and else divided by 1 - rate. Any shape, kept.

    Raises:
        ValueError: a rate outside [0, 1).
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate}; expected a share in [0, 1).")
        self.rate = rate

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        kept = self.draws(inputs).uniform("dropout", inputs.shape[1:]) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), tf.zeros_like(inputs))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class GaussianNoise(NoiseLayer):
    """In training adds N(0, stddev^2) to each element. Any shape, kept.

    Raises:
        ValueError: a negative deviation.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        if stddev < 0:
            raise ValueError(f"stddev={stddev}; expected 0 or more.")
        self.stddev = stddev

    def call(self, inputs, training=False):
        if not training or not self.stddev:
            return inputs
        noise = self.draws(inputs).normal("gaussian", inputs.shape[1:])
        return inputs + self.stddev * tf.cast(noise, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MultiplicativeNoise(NoiseLayer):
    """In training multiplies each feature map of each example by 1 + strength * N(0, 1). Shape kept.

    Called as `layer([x, strength])`, x [batch, ..., channels], strength a scalar or [batch], which may change from step to
    step. Karras et al. 2017, arXiv:1710.10196, appendix B.
    """

    def call(self, inputs, training=False):
        x, strength = inputs
        if not training:
            return x
        ones = [1] * (len(x.shape) - 2)
        noise = self.draws(x).normal("multiplicative", [*ones, x.shape[-1]])
        strength = tf.reshape(tf.cast(strength, noise.dtype), [-1, *ones, 1])
        return x * tf.cast(1 + strength * noise, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]
