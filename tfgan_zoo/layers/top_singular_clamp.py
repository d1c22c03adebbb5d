"""Clamp of a kernel's top singular value after each update. BigGAN: Brock et al. 2018, arXiv:1809.11096, section 4.1."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.layers.replaced_kernel import output_axis


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class TopSingularClamp(keras.constraints.Constraint):
    """W - max(0, s0 - s_clamp) v0 u0^T, where s0, u0 and v0 are the largest singular value of W [everything else, outputs] and its
    vectors; s_clamp is a constant or a multiple of the second singular value s1. The optimiser applies it after each step.

    It clamps the stored kernel. Under spectral normalisation, where s0 becomes 1, a clamp by ratio bounds s0 / s1.

    Args:
        limit: s_clamp as a constant, above 0; or
        ratio: s_clamp / s1, above 0. At 1 the two largest become equal. A kernel of one row or one column, which has no s1,
            is left unchanged.
        axis: the kernel's axis that counts outputs.
        iterations: steps of subspace iteration on four vectors from a fixed start. The error of s0 depends on its gap to the fifth
            singular value: 1e-4 after 10 steps if that is at most 0.6 s0. 0 for a full decomposition.

    Raises:
        ValueError: neither or both of limit and ratio, or one that is not above 0.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import TopSingularClamp
        >>> kernel = np.diag([5.0, 3.0, 2.0])
        >>> TopSingularClamp(limit=4.0)(kernel).numpy().diagonal().round(6).tolist()
        [4.0, 3.0, 2.0]
        >>> TopSingularClamp(ratio=1.5)(kernel).numpy().diagonal().round(6).tolist()  # 1.5 * 3
        [4.5, 3.0, 2.0]
    """

    def __init__(self, limit: float | None = None, ratio: float | None = None, axis: int = -1, iterations: int = 10):
        bound = limit if ratio is None else ratio
        if (limit is None) == (ratio is None) or bound is None or not bound > 0:
            raise ValueError(f"limit={limit}, ratio={ratio}; expected exactly one of them, a positive number.")
        self.limit, self.ratio, self.axis, self.iterations = limit, ratio, axis, iterations

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
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

    def leading(self, matrix: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The largest singular values [K] of matrix [M, N], descending, and their vectors [M, K] and [N, K]."""
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

    def get_config(self) -> dict:
        return {"limit": self.limit, "ratio": self.ratio, "axis": self.axis, "iterations": self.iterations}


def top_singular_clamped(
    layer: keras.layers.Layer, limit: float | None = None, ratio: float | None = None, iterations: int = 10
) -> keras.layers.Layer:
    """Puts a `TopSingularClamp` on the kernel of `layer`, a Dense, (transposed) convolution or Embedding that is not built yet.

    Apply it before any wrapper: `SpectralNormalization(top_singular_clamped(layer, ratio=1.0))`.

    Args:
        layer: the layer, which is changed in place.
        limit, ratio, iterations: as in `TopSingularClamp`, whose axis follows from the kind of layer.

    Returns:
        The same layer.

    Examples:
        >>> import keras
        >>> from tfgan_zoo.layers import top_singular_clamped
        >>> layer = top_singular_clamped(keras.layers.Conv2DTranspose(8, 3), limit=1.0)
        >>> layer.kernel_constraint.limit, layer.kernel_constraint.axis
        (1.0, -2)
    """
    clamp = TopSingularClamp(limit, ratio, output_axis(layer), iterations)
    if isinstance(layer, keras.layers.Embedding):
        layer.embeddings_constraint = clamp
    else:
        layer.kernel_constraint = clamp
    return layer
