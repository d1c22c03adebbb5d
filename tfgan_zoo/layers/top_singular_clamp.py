"""Clamp of a kernel's top singular value after each update. BigGAN: Brock et al. 2018, arXiv:1809.11096, section 4.1."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.layers.replaced_kernel import output_axis


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class TopSingularClamp(keras.constraints.Constraint):
    """W - max(0, s0 - s_clamp) v0 u0^T, for the largest singular value s0 of W [everything else, outputs] and its vectors;
    s_clamp is a constant, or a ratio of the second one, s1. The optimiser applies it after each of its steps.

    It is of the stored kernel. In a layer with spectral normalisation, whose s0 is 1, a clamp by ratio bounds s0 / s1.

    Args:
        limit: s_clamp as a constant, above 0; or
        ratio: s_clamp over s1, above 0. At 1 the two largest become equal. A kernel of one row or one column, which has no s1,
            is left as it is.
        axis: of the kernel, that counts outputs.
        iterations: steps of subspace iteration on four vectors from a fixed start, which find s0 the better, the farther it is
            from the fifth value: to 1e-4 at 10 steps where that is at most 0.6 s0. 0 takes the full decomposition.

    Raises:
        ValueError: neither or both of limit and ratio, or one that is not above 0.
    """

    def __init__(self, limit=None, ratio=None, axis=-1, iterations=10):
        if (limit is None) == (ratio is None) or not (limit if ratio is None else ratio) > 0:
            raise ValueError(f"limit={limit}, ratio={ratio}; expected one of them, a positive number.")
        self.limit, self.ratio, self.axis, self.iterations = limit, ratio, axis, iterations

    def __call__(self, w):
        w = tf.convert_to_tensor(w)
        dtype = tf.float64 if w.dtype == tf.float64 else tf.float32
        moved = tf.experimental.numpy.moveaxis(tf.cast(w, dtype), self.axis, -1)
        matrix = tf.reshape(moved, [-1, moved.shape[-1]])
        if self.ratio is not None and min(matrix.shape) == 1:
            return w
        s, left, right = self.leading(matrix)
        clamp = self.limit if self.ratio is None else self.ratio * s[1]
        excess = tf.nn.relu(s[0] - clamp)
        clamped = matrix - excess * left[:, :1] * right[None, :, 0]
        clamped = tf.experimental.numpy.moveaxis(tf.reshape(clamped, moved.shape), -1, self.axis)
        return tf.cast(clamped, w.dtype)

    def leading(self, matrix):
        """matrix [M, N]. Returns its largest singular values [K], falling, and their vectors [M, K] and [N, K]."""
        if not self.iterations:
            s, left, right = tf.linalg.svd(matrix)
            return s, left, right
        outputs = matrix.shape[-1]
        count = min(4, *matrix.shape)
        start = np.random.default_rng(0).normal(size=[outputs, count])
        right = tf.constant(start, matrix.dtype)
        for _ in range(self.iterations):
            left = tf.linalg.qr(matrix @ right)[0]
            right = tf.linalg.qr(tf.matmul(matrix, left, transpose_a=True))[0]
        s, inner_left, inner_right = tf.linalg.svd(matrix @ right)
        return s, inner_left, right @ inner_right

    def get_config(self):
        return {"limit": self.limit, "ratio": self.ratio, "axis": self.axis, "iterations": self.iterations}


def top_singular_clamped(layer, limit=None, ratio=None, iterations=10):
    """`layer`, not built yet, with a `TopSingularClamp` on its kernel: a Dense, convolution, its transpose or Embedding.

    To be put around the layer before any wrapper is: `SpectralNormalization(top_singular_clamped(layer, ratio=1.0))`.
    """
    clamp = TopSingularClamp(limit, ratio, output_axis(layer), iterations)
    if isinstance(layer, keras.layers.Embedding):
        layer.embeddings_constraint = clamp
    else:
        layer.kernel_constraint = clamp
    return layer
