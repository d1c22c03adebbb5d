"""Minibatch standard deviation. Karras et al. 2017, arXiv:1710.10196, section 3."""

import keras
import tensorflow as tf

from tfgan_zoo.core.replicas import over_replicas, rows_of_all_replicas


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MinibatchStdDev(keras.layers.Layer):
    """Appends one channel: the standard deviation over the group of each feature at each position, averaged over
    features and positions to one number a group.

    Input [batch, height, width, channels] or [batch, features]; output has one channel more. The batch is
    that of all replicas.

    Args:
        group_size: examples a group; None is the whole batch, as in the paper (the authors' code takes 4). A batch
            smaller than the group is one group. Example i is in group i mod (batch / group_size), as in their code.
        epsilon: added to the variance.

    Raises:
        tf.errors.InvalidArgumentError: the batch is not a multiple of the group size.
    """

    def __init__(self, group_size=None, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        if group_size is not None and group_size < 1:
            raise ValueError(f"group_size={group_size}; expected a positive number, or None for the whole batch.")
        self.group_size = group_size
        self.epsilon = epsilon

    def call(self, inputs):
        x = inputs if inputs.dtype == tf.float64 else tf.cast(inputs, tf.float32)
        rows = rows_of_all_replicas(x)
        batch = tf.shape(rows)[0]
        group = batch if self.group_size is None else tf.minimum(self.group_size, batch)
        grouped = tf.reshape(rows, tf.concat([[group, batch // tf.maximum(group, 1)], tf.shape(rows)[1:]], 0))
        variance = tf.math.reduce_variance(grouped, axis=0)  # [groups, ...]
        deviation = tf.reduce_mean(tf.sqrt(variance + self.epsilon), axis=list(range(1, len(x.shape))), keepdims=True)
        deviation = tf.tile(deviation, [group] + [1] * (len(x.shape) - 1))  # example i is in group i mod groups
        channel = tf.broadcast_to(self.own(deviation, tf.shape(x)[0]), tf.concat([tf.shape(x)[:-1], [1]], 0))
        return tf.concat([inputs, tf.cast(channel, inputs.dtype)], axis=-1)

    def own(self, rows, count):
        """This replica's `count` rows of those of all."""
        context, replicas = over_replicas()
        first = context.replica_id_in_sync_group * count if replicas > 1 else 0
        return rows[first : first + count]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group_size": self.group_size, "epsilon": self.epsilon}
