"""A learned map of features that a vector scales per channel: the first layer of R3GAN's generator, arXiv:2501.05441."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ScaledBasis(keras.layers.Layer):
    """basis * scale, per channel: [batch, channels] -> [batch, height, width, channels].

    The basis is learned, from N(0, 1) at first, and the same for every example.

    Args:
        height, width: of the output.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import ScaledBasis
        >>> layer = ScaledBasis(1, 2)
        >>> layer.build((None, 1))
        >>> _ = layer.basis.assign(np.array([[[3.0], [4.0]]], "float32"))
        >>> layer(np.array([[10.0], [20.0]], "float32")).numpy().ravel().tolist()
        [30.0, 40.0, 60.0, 80.0]
    """

    def __init__(self, height: int, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def build(self, input_shape: tuple) -> None:
        shape = (self.height, self.width, input_shape[-1])
        self.basis = self.add_weight(name="basis", shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs[:, None, None, :] * tf.convert_to_tensor(self.basis)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "height": self.height, "width": self.width}
