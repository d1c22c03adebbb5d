"""Maxout. Goodfellow et al. 2013, arXiv:1302.4389: the hidden units of the first GANs' discriminators."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MaxoutDense(keras.layers.Dense):
    """max over `pieces` of W_p x + b_p: [batch, size] -> [batch, units].

    One kernel [size, pieces * units] holds all pieces; piece p of unit u is column p * units + u.

    Raises:
        ValueError: fewer than 1 piece.
    """

    def __init__(self, units, pieces=5, **kwargs):
        if pieces < 1:
            raise ValueError(f"pieces={pieces}; expected a positive number such as 5.")
        super().__init__(units * pieces, **kwargs)
        self.pieces = pieces

    def call(self, inputs):
        linear = super().call(inputs)
        return tf.reduce_max(tf.reshape(linear, [-1, self.pieces, self.units // self.pieces]), axis=1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units // self.pieces)

    def get_config(self):
        return {**super().get_config(), "units": self.units // self.pieces, "pieces": self.pieces}
