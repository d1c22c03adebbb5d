"""Maxout. Goodfellow et al. 2013, arXiv:1302.4389: the hidden units of the first GANs' discriminators."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class MaxoutDense(keras.layers.Dense):
    """max over `pieces` of W_p x + b_p: [batch, size] -> [batch, units].

    One kernel [size, pieces * units] holds all pieces; piece p of unit u is column p * units + u.

    Args:
        units: size of the output.
        pieces: linear functions per unit, at least 1.
        **kwargs: `keras.layers.Dense`'s.

    Raises:
        ValueError: fewer than 1 piece.

    Examples:
        The absolute value, as the larger of x and -x.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import MaxoutDense
        >>> layer = MaxoutDense(1, pieces=2)
        >>> layer.build((None, 1))
        >>> _ = layer.kernel.assign([[1.0, -1.0]])
        >>> layer(np.array([[3.0], [-4.0]], "float32")).numpy().tolist()
        [[3.0], [4.0]]
    """

    def __init__(self, units: int, pieces: int = 5, **kwargs: Any):
        if pieces < 1:
            raise ValueError(f"pieces={pieces}; expected a positive number such as 5.")
        super().__init__(units * pieces, **kwargs)
        self.pieces = pieces

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        linear = super().call(inputs)
        return tf.reduce_max(tf.reshape(linear, [-1, self.pieces, self.units // self.pieces]), axis=1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.units // self.pieces)

    def get_config(self) -> dict:
        return {**super().get_config(), "units": self.units // self.pieces, "pieces": self.pieces}
