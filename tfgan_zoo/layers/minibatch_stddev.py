"""Minibatch standard deviation. Karras et al. 2017, arXiv:1710.10196, section 3."""

from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.replicas import rows_of_all_replicas, rows_of_this_replica


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MinibatchStdDev(keras.layers.Layer):
    """Appends one channel: the standard deviation over a group of examples, averaged over features and positions.

    Input [batch, height, width, channels] or [batch, features]; output has one more channel, constant within a group. The
    batch is the global batch of all replicas.

    Args:
        group_size: examples per group; None for the whole batch, as in the paper (the authors' code uses 4). A batch
            smaller than that is one group. Example i is in group i mod (batch / group_size), as in their code.
        epsilon: added to the variance.

    Raises:
        ValueError: `group_size` is not positive.
        tf.errors.InvalidArgumentError: the batch is not a multiple of the group size.

    Examples:
        The features 0 and 8 deviate by 4 from their mean, the other two by 0: 2 on average.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import MinibatchStdDev
        >>> MinibatchStdDev(epsilon=0.0)(np.array([[0.0, 5.0], [8.0, 5.0]], "float32")).numpy().tolist()
        [[0.0, 5.0, 2.0], [8.0, 5.0, 2.0]]
    """

    def __init__(self, group_size: int | None = None, epsilon: float = 1e-8, **kwargs: Any):
        super().__init__(**kwargs)
        if group_size is not None and group_size < 1:
            raise ValueError(f"group_size={group_size}; expected a positive number, or None for the whole batch.")
        self.group_size = group_size
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = inputs if inputs.dtype == tf.float64 else tf.cast(inputs, tf.float32)
        rows = rows_of_all_replicas(x)
        batch = tf.shape(rows)[0]
        group = batch if self.group_size is None else tf.minimum(self.group_size, batch)
        grouped = tf.reshape(rows, tf.concat([[group, batch // tf.maximum(group, 1)], tf.shape(rows)[1:]], 0))
        variance = tf.math.reduce_variance(grouped, axis=0)  # [groups, ...]
        deviation = tf.reduce_mean(tf.sqrt(variance + self.epsilon), axis=list(range(1, len(x.shape))), keepdims=True)
        deviation = tf.tile(deviation, [group] + [1] * (len(x.shape) - 1))  # example i is in group i mod groups
        channel = tf.broadcast_to(rows_of_this_replica(deviation), tf.concat([tf.shape(x)[:-1], [1]], 0))
        return tf.concat([inputs, tf.cast(channel, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self) -> dict:
        return {**super().get_config(), "group_size": self.group_size, "epsilon": self.epsilon}
