"""Bilinear upsampling by 2 with half-pixel centres, in the precision of the input."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BilinearUpsample2D(keras.layers.Layer):
    """[batch, h, w, c] -> [batch, 2h, 2w, c]: each new pixel is 3/4 of the nearest pixel and 1/4 of the next, along each axis.

    At the border the next pixel is the nearest one itself. Same function as `tf.image.resize`, which always computes in float32.
    Height and width must be known when the graph is traced.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import BilinearUpsample2D
        >>> BilinearUpsample2D()(np.array([0.0, 4.0], "float32").reshape(1, 1, 2, 1))[0, 0, :, 0].numpy().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return doubled(doubled(inputs, 1), 2)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)


def doubled(x: tf.Tensor, axis: int) -> tf.Tensor:
    """x [B, h, w, c], doubled in size along axis 1 or 2."""
    size = x.shape[axis]
    padded = tf.pad(x, [[0, 0], *([1, 1] if i == axis else [0, 0] for i in (1, 2)), [0, 0]], "SYMMETRIC")
    before, after = (tf.gather(padded, tf.range(start, start + size), axis=axis) for start in (0, 2))
    pairs = tf.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    shape = [2 * size if i == axis else n for i, n in enumerate(x.shape)]
    return tf.reshape(pairs, [-1, *shape[1:]])
