"""Orthogonal regularisation of kernels: the orthonormal form and BigGAN's. Brock et al. 2018, arXiv:1809.11096, 3.1."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class OrthogonalRegularizer(keras.regularizers.Regularizer):
    """strength |W^T W - I|_F^2, or without the diagonal strength |W^T W o (1 - I)|_F^2; W is the kernel, [rest, last].

    The last axis counts outputs in Dense and convolutions, and inputs in transposed convolutions.

    Args:
        strength: the weight of the term; BigGAN's is 1e-4.
        off_diagonal: True is BigGAN's form, which leaves the columns' lengths free; False is the orthonormal form.
    """

    def __init__(self, strength=1e-4, off_diagonal=True):
        self.strength = strength
        self.off_diagonal = off_diagonal

    def __call__(self, w):
        w = tf.convert_to_tensor(w)
        columns = tf.reshape(w, [-1, w.shape[-1]])
        if self.off_diagonal and columns.shape[0] < columns.shape[1]:
            # |W^T W|_F = |W W^T|_F, of which the latter is small where a dense layer makes a whole stack of maps.
            gram = tf.matmul(columns, columns, transpose_b=True)
            lengths = tf.reduce_sum(tf.square(columns), axis=0)
            return self.strength * (tf.reduce_sum(tf.square(gram)) - tf.reduce_sum(tf.square(lengths)))
        gram = tf.matmul(columns, columns, transpose_a=True)
        if self.off_diagonal:
            gram = tf.linalg.set_diag(gram, tf.zeros_like(gram[0]))
        else:
            gram -= tf.eye(gram.shape[0], dtype=gram.dtype)
        return self.strength * tf.reduce_sum(tf.square(gram))

    def get_config(self):
        return {"strength": self.strength, "off_diagonal": self.off_diagonal}
