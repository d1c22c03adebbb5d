"""Bilinear upsampling by 2 with half-pixel centres, in the precision of its input."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BilinearUpsample2D(keras.layers.Layer):
    """[batch, h, w, c] -> [batch, 2h, 2w, c]: each new pixel is 3/4 of the nearest one and 1/4 of the next, at the rim its own.

    The function of `tf.image.resize`, which computes in float32 whatever it is given.
    """

    def call(self, inputs):
        return doubled(doubled(inputs, 1), 2)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)


def doubled(x, axis):
    """x [B, h, w, c] at twice the size along axis 1 or 2."""
    size = x.shape[axis]
    padded = tf.pad(x, [[0, 0], *([1, 1] if i == axis else [0, 0] for i in (1, 2)), [0, 0]], "SYMMETRIC")
    before, after = (tf.gather(padded, tf.range(start, start + size), axis=axis) for start in (0, 2))
    pairs = tf.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    shape = [2 * size if i == axis else n for i, n in enumerate(x.shape)]
    return tf.reshape(pairs, [-1, *shape[1:]])
