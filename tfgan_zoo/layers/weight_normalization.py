"""Weight normalisation: W = g V / |V|, one length g per output. Salimans and Kingma 2016, arXiv:1602.07868."""

from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.layers.replaced_kernel import kernel_of, output_axis, replaced_kernel


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class WeightNormalization(keras.layers.Wrapper):
    """Wraps Dense, (transposed) convolutions or Embedding: direction V (the layer's own kernel) and length g are trained
    separately. g starts as |V|, so wrapping does not change what the layer computes.

    Args:
        layer: the layer to wrap.
        trainable_length: False fixes g at 1 (the form that Miyato et al. 2018 compare with, section 3).

    Raises:
        TypeError: at build, if the layer has no single kernel.

    Examples:
        The direction of (3, 4) at length 10.

        >>> import keras, numpy as np
        >>> from tfgan_zoo.layers import WeightNormalization
        >>> layer = WeightNormalization(keras.layers.Dense(1, use_bias=False))
        >>> layer.build((None, 2))
        >>> _ = layer.layer.kernel.assign([[3.0], [4.0]])
        >>> _ = layer.length.assign([[10.0]])
        >>> layer(np.eye(2, dtype="float32")).numpy().tolist()
        [[6.0], [8.0]]
    """

    def __init__(self, layer: keras.layers.Layer, trainable_length: bool = True, **kwargs: Any):
        kwargs.update(autocast=False, dtype=layer.variable_dtype)
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)
        self.trainable_length = trainable_length

    def build(self, input_shape: tuple | None = None) -> None:
        super().build(input_shape)
        kernel = kernel_of(self.layer)
        axis = output_axis(self.layer) % len(kernel.shape)
        self.other_axes = [a for a in range(len(kernel.shape)) if a != axis]
        shape = [1 if a in self.other_axes else size for a, size in enumerate(kernel.shape)]

        # An initialiser rather than an assignment, which would be lost if the first call is traced.
        def first_length(shape: tuple, dtype: str | None = None) -> tf.Tensor:
            return self.norm(kernel.value) if self.trainable_length else tf.ones(shape, dtype)

        self.length = self.add_weight(
            name="length", shape=shape, initializer=first_length, trainable=self.trainable_length, autocast=False
        )

    def norm(self, kernel: tf.Tensor) -> tf.Tensor:
        """The norm of each output's part of the kernel, in a shape that broadcasts to it."""
        squares = tf.reduce_sum(tf.square(kernel), axis=self.other_axes, keepdims=True)
        return tf.sqrt(tf.maximum(squares, 1e-24))  # the gradient of sqrt is infinite at 0

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = kernel_of(self.layer).value
        with replaced_kernel(self.layer, self.length.value * kernel / self.norm(kernel)):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return self.layer.compute_output_spec(inputs)  # in the layer's compute dtype, which is not the wrapper's

    def get_config(self) -> dict:
        return {**super().get_config(), "trainable_length": self.trainable_length}
