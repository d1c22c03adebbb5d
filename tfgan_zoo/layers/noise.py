"""Dropout and noise that are reproducible bit for bit: pure functions of a seed and of a counter that is saved with the model.

Srivastava et al. 2014 (JMLR 15); noise between the layers of a discriminator as in Springenberg 2015, arXiv:1511.06390, and
Salimans et al. 2016, arXiv:1606.03498. Keras' own layers draw the same mask on every replica.
"""

import random
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, fold, seed_of
from tfgan_zoo.core.replicas import draws_for_replica


class NoiseLayer(keras.layers.Layer):
    """Counts its calls in training and draws new numbers for each.

    Args:
        seed: integer; by default drawn from Python's `random`, which a training run seeds.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = random.randrange(2**31) if seed is None else seed

    def build(self, input_shape: tuple | None) -> None:
        self.calls = self.add_weight(name="calls", shape=(), dtype="int32", initializer="zeros", trainable=False)

    def draws(self, inputs: tf.Tensor) -> Draws:
        """The `Draws` of this call; the next call gets other numbers."""
        count = tf.identity(self.calls.value)
        self.calls.assign(count + 1)
        batch = inputs.shape[0] if inputs.shape[0] is not None else tf.shape(inputs)[0]
        return draws_for_replica(fold(seed_of(self.seed), count), batch)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class Dropout(NoiseLayer):
    """In training sets each element to 0 with probability `rate`, and divides the others by 1 - rate. Any shape.

    On several replicas the mask is that of the global batch; Keras' layer repeats one mask on each.

    Args:
        rate: probability in [0, 1).
        seed: integer; by default drawn from Python's `random`, which a training run seeds.

    Raises:
        ValueError: a rate outside [0, 1).

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import Dropout
        >>> layer, x = Dropout(0.5, seed=1), np.ones([2, 100], "float32")
        >>> np.unique(layer(x, training=True)).tolist(), np.unique(layer(x)).tolist()
        ([0.0, 2.0], [1.0])
        >>> bool(np.array_equal(layer(x, training=True), layer(x, training=True)))  # the mask differs from call to call
        False
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate}; expected a probability in [0, 1).")
        self.rate = rate

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or not self.rate:
            return inputs
        mask = self.draws(inputs).uniform("dropout", inputs.shape[1:]) >= self.rate
        return tf.where(mask, inputs / (1 - self.rate), tf.zeros_like(inputs))

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class GaussianNoise(NoiseLayer):
    """In training adds N(0, stddev^2) to each element. Any shape.

    On several replicas the noise is that of the global batch; Keras' layer repeats the same noise on each.

    Args:
        stddev: standard deviation, at least 0.
        seed: integer; by default drawn from Python's `random`, which a training run seeds.

    Raises:
        ValueError: a negative deviation.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import GaussianNoise
        >>> layer, x = GaussianNoise(0.5, seed=1), np.zeros([100, 100], "float32")
        >>> round(float(np.std(layer(x, training=True))), 2), float(np.std(layer(x)))
        (0.5, 0.0)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, **kwargs)
        if stddev < 0:
            raise ValueError(f"stddev={stddev}; expected 0 or more.")
        self.stddev = stddev

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or not self.stddev:
            return inputs
        noise = self.draws(inputs).normal("gaussian", inputs.shape[1:])
        return inputs + self.stddev * tf.cast(noise, inputs.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "stddev": self.stddev}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MultiplicativeNoise(NoiseLayer):
    """In training multiplies each feature map of each example by 1 + strength * N(0, 1). Output shape is that of x.

    Called as `layer([x, strength])`: x [batch, ..., channels]; strength a scalar or [batch], which may change from step to
    step. Karras et al. 2017, arXiv:1710.10196, appendix B.

    Args:
        seed: integer; by default drawn from Python's `random`, which a training run seeds.

    Examples:
        One factor for both positions of a feature map.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import MultiplicativeNoise
        >>> layer, x = MultiplicativeNoise(seed=1), np.ones([1, 2, 1], "float32")
        >>> y = layer([x, np.array([0.5])], training=True).numpy().ravel()
        >>> bool(y[0] == y[1] != 1.0), layer([x, np.array([0.0])], training=True).numpy().ravel().tolist()
        (True, [1.0, 1.0])
    """

    def call(self, inputs: list, training: bool = False) -> tf.Tensor:
        x, strength = inputs
        if not training:
            return x
        ones = [1] * (len(x.shape) - 2)
        noise = self.draws(x).normal("multiplicative", [*ones, x.shape[-1]])
        strength = tf.reshape(tf.cast(strength, noise.dtype), [-1, *ones, 1])
        return x * tf.cast(1 + strength * noise, x.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return input_shape[0]
