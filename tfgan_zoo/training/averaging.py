"""The moving average of the generator, which gets sampled, scored and exported. Karras et al. 2017, arXiv:1710.10196."""

import keras
import tensorflow as tf


class MovingAverage:
    """A copy of a network whose variables, batch statistics included, follow the network's exponentially.

    The decay of update t (counted from `start_step`) is min(decay, (1 + t) / (10 + t)), so that the first weights are
    soon forgotten; until `start_step` the average is a copy.

    Attributes:
        network: the averaged Keras model.
    """

    def __init__(self, network, decay, start_step=0):
        self.network = keras.models.clone_model(network)
        self.network.set_weights(network.get_weights())
        self.decay, self.start_step = decay, start_step

    def update(self, network, step):
        """Moves the average towards `network`. step: int64 scalar, the number of the step that has just been taken."""
        age = tf.cast(step - self.start_step, tf.float32)
        decay = tf.where(age < 0, 0.0, tf.minimum(self.decay, (1 + age) / (10 + age)))
        for average, current in zip(self.network.variables, network.variables, strict=True):
            value = current.value
            if value.dtype.is_floating:
                value = value + tf.cast(decay, value.dtype) * (average.value - value)  # at decay 0 just the value
            average.assign(value)
