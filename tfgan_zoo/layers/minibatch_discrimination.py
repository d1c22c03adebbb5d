"""Minibatch discrimination. Salimans et al. 2016, arXiv:1606.03498, section 3.2."""

from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.replicas import rows_of_all_replicas


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends to each example its closeness to the other examples of the batch, under `kernels` learned measures.

    With M_i = f(x_i) T, [kernels, size]: o(x_i)_b = sum over j of exp(-|M_ib - M_jb|_1); example i itself contributes 1.
    The batch is the global batch of all replicas.

    Input [batch, features]; output [batch, features + kernels].

    Args:
        kernels: number of measures.
        size: length of each M_ib.

    Raises:
        ValueError: `kernels` or `size` is not positive.

    Examples:
        Two equal examples: each is at distance 0 from both, and exp(0) + exp(0) = 2.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import MinibatchDiscrimination
        >>> MinibatchDiscrimination(kernels=1)(np.full([2, 1], 7.0, "float32")).numpy().tolist()
        [[7.0, 2.0], [7.0, 2.0]]
    """

    def __init__(self, kernels: int = 50, size: int = 5, **kwargs: Any):
        super().__init__(**kwargs)
        if kernels < 1 or size < 1:
            raise ValueError(f"kernels={kernels}, size={size}; expected positive numbers.")
        self.kernels, self.size = kernels, size

    def build(self, input_shape: tuple) -> None:
        shape = (input_shape[-1], self.kernels * self.size)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=keras.initializers.RandomNormal(0.0, 0.05)
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        m = tf.reshape(tf.matmul(inputs, self.kernel), [-1, self.kernels, self.size])
        m = m if m.dtype == tf.float64 else tf.cast(m, tf.float32)
        examples = rows_of_all_replicas(m)
        distances = tf.reduce_sum(tf.abs(m[:, None] - examples[None]), axis=-1)  # [batch, all, kernels]
        closeness = tf.reduce_sum(tf.exp(-distances), axis=1)
        return tf.concat([inputs, tf.cast(closeness, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], input_shape[-1] + self.kernels)

    def get_config(self) -> dict:
        return {**super().get_config(), "kernels": self.kernels, "size": self.size}
