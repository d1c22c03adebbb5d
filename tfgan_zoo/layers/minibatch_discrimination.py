"""Minibatch discrimination. Salimans et al. 2016, arXiv:1606.03498, section 3.2."""

import keras
import tensorflow as tf

from tfgan_zoo.core.replicas import rows_of_all_replicas


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends to each example how close it is to the others of its batch, by `kernels` learned measures.

    With M_i = f(x_i) T, [kernels, size]: o(x_i)_b = sum over j of exp(-|M_ib - M_jb|_1), which counts example i itself
    as 1. The batch is that of all replicas.

    Input [batch, features]; output [batch, features + kernels].
    """

    def __init__(self, kernels=50, size=5, **kwargs):
        super().__init__(**kwargs)
        if kernels < 1 or size < 1:
            raise ValueError(f"kernels={kernels}, size={size}; expected positive numbers.")
        self.kernels, self.size = kernels, size

    def build(self, input_shape):
        shape = (input_shape[-1], self.kernels * self.size)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=keras.initializers.RandomNormal(0.0, 0.05)
        )

    def call(self, inputs):
        m = tf.reshape(tf.matmul(inputs, self.kernel), [-1, self.kernels, self.size])
        m = m if m.dtype == tf.float64 else tf.cast(m, tf.float32)
        others = rows_of_all_replicas(m)
        distances = tf.reduce_sum(tf.abs(m[:, None] - others[None]), axis=-1)  # [batch, all, kernels]
        closeness = tf.reduce_sum(tf.exp(-distances), axis=1)
        return tf.concat([inputs, tf.cast(closeness, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.kernels)

    def get_config(self):
        return {**super().get_config(), "kernels": self.kernels, "size": self.size}
