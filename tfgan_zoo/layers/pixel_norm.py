"""Pixelwise feature normalisation. Karras et al. 2017, arXiv:1710.10196, section 4.2."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class PixelNorm(keras.layers.Layer):
    """b = a / sqrt(mean over channels of a^2 + epsilon), per pixel.

    Input and output: [batch, ..., channels]. The mean is taken in float32 at least.
    """

    def __init__(self, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        x = inputs if inputs.dtype == tf.float64 else tf.cast(inputs, tf.float32)
        x *= tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + self.epsilon)
        return tf.cast(x, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
