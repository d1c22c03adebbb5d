"""Pixelwise feature normalisation. Karras et al. 2017, arXiv:1710.10196, section 4.2."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class PixelNorm(keras.layers.Layer):
    """b = a / sqrt(mean over channels of a^2 + epsilon), per pixel.

    Input and output: [batch, ..., channels]. The mean is computed in float32 at least.

    Args:
        epsilon: added to the mean square.

    Examples:
        sqrt((6^2 + 0 + 0 + 0) / 4) = 3.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import PixelNorm
        >>> PixelNorm()(np.array([[6.0, 0.0, 0.0, 0.0]], "float32")).numpy().round(4).tolist()
        [[2.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = inputs if inputs.dtype == tf.float64 else tf.cast(inputs, tf.float32)
        x *= tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + self.epsilon)
        return tf.cast(x, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "epsilon": self.epsilon}
