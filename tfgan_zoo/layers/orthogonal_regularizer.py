"""Orthogonal regularisation of kernels, in the orthonormal form and in BigGAN's. Brock et al. 2018, arXiv:1809.11096, 3.1."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class OrthogonalRegularizer(keras.regularizers.Regularizer):
    """strength |W^T W - I|_F^2, or off the diagonal strength |W^T W o (1 - I)|_F^2, where W is the kernel as [rest, last].

    The last axis counts outputs in Dense and convolutions, and inputs in transposed convolutions.

    Args:
        strength: weight of the term; BigGAN uses 1e-4.
        off_diagonal: True for BigGAN's form, which leaves the columns' norms free; False for the orthonormal form.

    Examples:
        W^T W = [[1, 1], [1, 2]]: 1 + 1 off the diagonal, 0 + 1 + 1 + 1 after subtracting the identity.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import OrthogonalRegularizer
        >>> shear = np.array([[1.0, 1.0], [0.0, 1.0]])
        >>> float(OrthogonalRegularizer(1.0)(shear)), float(OrthogonalRegularizer(1.0, off_diagonal=False)(shear))
        (2.0, 3.0)
    """

    def __init__(self, strength: float = 1e-4, off_diagonal: bool = True):
        self.strength = strength
        self.off_diagonal = off_diagonal

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        w = tf.convert_to_tensor(w)
        columns = tf.reshape(w, [-1, w.shape[-1]])
        if self.off_diagonal and columns.shape[0] < columns.shape[1]:
            # |W^T W|_F = |W W^T|_F, and W W^T is the smaller one for wide layers such as a generator's first dense layer.
            gram = tf.matmul(columns, columns, transpose_b=True)
            lengths = tf.reduce_sum(tf.square(columns), axis=0)
            return self.strength * (tf.reduce_sum(tf.square(gram)) - tf.reduce_sum(tf.square(lengths)))
        gram = tf.matmul(columns, columns, transpose_a=True)
        if self.off_diagonal:
            gram = tf.linalg.set_diag(gram, tf.zeros_like(gram[0]))
        else:
            gram -= tf.eye(gram.shape[0], dtype=gram.dtype)
        return self.strength * tf.reduce_sum(tf.square(gram))

    def get_config(self) -> dict:
        return {"strength": self.strength, "off_diagonal": self.off_diagonal}
