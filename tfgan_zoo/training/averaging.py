"""The moving average of the generator, which is sampled, scored and exported. Karras et al. 2017, arXiv:1710.10196."""

from collections.abc import Callable

import keras
import tensorflow as tf


class MovingAverage:
    """A copy of a network whose variables, batch statistics included, follow the network's exponentially.

    The decay of update t (counted from `start_step`) is min(decay, (1 + t) / (10 + t)), so that the first weights are
    soon forgotten; until `start_step` the average is a copy. Where the settings have a half-life of n images, the decay is
    0.5^(images per step / n), as in Karras et al. 2020, arXiv:2006.06676, with n at most `rampup` times the images so far.

    Args:
        network: the Keras model.
        decay: in [0, 1).
        start_step: until then the average is a copy.
        half_life: images, a number or a function without arguments that returns one, in place of `decay`; None for none.
        rampup: share of the images so far that the half-life may reach; None for no limit.

    Attributes:
        network: the averaged Keras model.
    """

    def __init__(
        self,
        network: keras.Model,
        decay: float,
        start_step: int = 0,
        half_life: float | Callable[[], tf.Tensor] | None = None,
        rampup: float | None = None,
    ) -> None:
        self.network = keras.models.clone_model(network)
        self.network.set_weights(network.get_weights())
        self.decay, self.start_step, self.half_life, self.rampup = decay, start_step, half_life, rampup

    def decay_at(self, step: tf.Tensor, images: int) -> tf.Tensor:
        """The decay of the update after step number `step`, an int64 scalar; images: real images per step."""
        age = tf.cast(step - self.start_step, tf.float32)
        if self.half_life is None:
            return tf.where(age < 0, 0.0, tf.minimum(self.decay, (1 + age) / (10 + age)))
        half_life = self.half_life() if callable(self.half_life) else tf.constant(self.half_life, tf.float32)
        if self.rampup is not None:
            half_life = tf.minimum(half_life, self.rampup * tf.cast(step, tf.float32) * images)
        copies = (age < 0) | (half_life <= 0)
        return tf.where(copies, 0.0, tf.pow(0.5, tf.math.divide_no_nan(float(images), half_life)))

    def update(self, network: keras.Model, step: tf.Tensor, images: int = 1) -> None:
        """Moves the average towards `network`.

        Args:
            network: the one that is averaged.
            step: int64 scalar, how many steps have been taken.
            images: real images that the discriminator sees in one step.
        """
        decay = self.decay_at(step, images)
        for average, current in zip(self.network.variables, network.variables, strict=True):
            value = current.value
            if value.dtype.is_floating:
                value = value + tf.cast(decay, value.dtype) * (average.value - value)  # at decay 0 just the value
            average.assign(value)
