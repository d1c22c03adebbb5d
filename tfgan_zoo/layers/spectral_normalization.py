"""Spectral normalisation: a layer computes with W / sigma(W). Miyato et al. 2018, arXiv:1802.05957, algorithm 1."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.layers.replaced_kernel import kernel_of, output_axis, replaced_kernel

START_ITERATIONS = 10  # at build, so that the first step has a fair estimate rather than that of a random vector


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class SpectralNormalization(keras.layers.Wrapper):
    """Wraps Dense, (transposed) convolutions or Embedding: the layer computes with its kernel divided by the kernel's largest
    singular value, estimated by power iteration on the kernel as a matrix [everything else, outputs].

    Every call with `training=True` takes `power_iterations` steps from the stored vectors and stores the new ones; a call in
    inference changes nothing and uses the stored vectors, rescaled to norm 1. The kernel itself is never overwritten. The
    gradient flows through W in sigma = v^T W u, with u and v constant: for an incoming gradient G it is
    (1 / sigma) (G - <G, W / sigma> v u^T). The iteration runs in float32 at least, whatever the precision of the layer.
    Replicas compute the same vectors from the same kernel, so nothing is communicated.

    Args:
        layer: the layer to wrap. Depthwise: `tfgan_zoo.layers.DepthwiseConv2D`.
        power_iterations: steps per training call, at least 1.
        epsilon: norms and singular values no larger than this are not divided by, so a kernel of zeros stays zero.

    Raises:
        ValueError: fewer than 1 power iteration.
        TypeError: at build, if the layer has no single kernel.

    Examples:
        The largest singular value of diag(4, 2) is 4.

        >>> import keras, numpy as np
        >>> from tfgan_zoo.layers import SpectralNormalization
        >>> layer = SpectralNormalization(keras.layers.Dense(2), power_iterations=20)
        >>> layer.build((None, 2))
        >>> _ = layer.layer.kernel.assign([[4.0, 0.0], [0.0, 2.0]])
        >>> layer(np.eye(2, dtype="float32"), training=True).numpy().round(4).tolist()
        [[1.0, 0.0], [0.0, 0.5]]
    """

    def __init__(self, layer: keras.layers.Layer, power_iterations: int = 1, epsilon: float = 1e-12, **kwargs: Any):
        # Without autocast the kernel is read as stored; the wrapped layer itself casts its inputs and kernel.
        kwargs.update(autocast=False, dtype=layer.variable_dtype)
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)
        if power_iterations < 1:
            raise ValueError(f"power_iterations={power_iterations}; expected at least 1.")
        self.power_iterations = power_iterations
        self.epsilon = epsilon

    def build(self, input_shape: tuple | None = None) -> None:
        super().build(input_shape)
        kernel = kernel_of(self.layer)
        self.axis = output_axis(self.layer) % len(kernel.shape)
        self.iteration_dtype = "float64" if kernel.dtype == "float64" else "float32"
        outputs = kernel.shape[self.axis]
        random = keras.initializers.RandomNormal(stddev=1.0)

        # Initialisers rather than assignments, which would be lost if the first call is traced.
        def first_u(shape: tuple, dtype: str | None = None) -> tf.Tensor:
            return self.iterate(self.matrix(kernel.value), self.unit(random(shape, dtype)), START_ITERATIONS)[0]

        def first_v(shape: tuple, dtype: str | None = None) -> tf.Tensor:
            return self.unit(tf.linalg.matvec(self.matrix(kernel.value), self.u.value))

        self.u = self.vector("u", outputs, first_u)
        self.v = self.vector("v", int(np.prod(kernel.shape)) // outputs, first_v)

    def vector(self, name: str, size: int, initializer: Any) -> keras.Variable:
        return self.add_weight(
            name=name, shape=(size,), initializer=initializer, dtype=self.iteration_dtype,
            trainable=False, autocast=False,
        )  # fmt: skip

    def matrix(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel, as the layer stores it, as a float32 or float64 matrix [everything else, outputs]."""
        kernel = tf.cast(kernel, self.iteration_dtype)
        rank = len(kernel.shape)
        if self.axis != rank - 1:
            kernel = tf.transpose(kernel, [*(a for a in range(rank) if a != self.axis), self.axis])
        return tf.reshape(kernel, [-1, kernel.shape[-1]])

    def iterate(self, matrix: tf.Tensor, u: tf.Tensor, steps: int) -> tuple[tf.Tensor, tf.Tensor]:
        """`steps` power iterations on matrix [rest, outputs] from u [outputs]. Returns u and v [rest], of norm 1."""
        for _ in range(steps):
            v = self.unit(tf.linalg.matvec(matrix, u))
            u = self.unit(tf.linalg.matvec(matrix, v, transpose_a=True), former=u)
        return tf.stop_gradient(u), tf.stop_gradient(v)

    def renew(self) -> None:
        """Takes the steps of `build` again, from the stored vectors: for a kernel that was assigned without them."""
        u, v = self.iterate(self.matrix(kernel_of(self.layer).value), self.u.value, START_ITERATIONS)
        self.u.assign(u.numpy())
        self.v.assign(v.numpy())

    def unit(self, vector: tf.Tensor, former: tf.Tensor | float = 0.0) -> tf.Tensor:
        """`vector` rescaled to norm 1, or `former` if it vanishes: from u = 0 the iteration would never move again."""
        norm = tf.norm(vector)
        return tf.where(norm > self.epsilon, vector / tf.maximum(norm, self.epsilon), former)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        kernel = kernel_of(self.layer).value
        matrix = self.matrix(kernel)
        if training:
            u, v = self.iterate(tf.stop_gradient(matrix), self.u.value, self.power_iterations)
            self.u.assign(u)
            self.v.assign(v)
        else:  # vectors from a moving average of weights are shorter than 1
            u, v = self.unit(self.u.value), self.unit(self.v.value)
        sigma = tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)
        normalized = tf.cast(kernel, sigma.dtype) / tf.where(sigma > self.epsilon, sigma, tf.ones_like(sigma))
        with replaced_kernel(self.layer, tf.cast(normalized, kernel.dtype)):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        return self.layer.compute_output_spec(inputs)  # in the layer's compute dtype, which is not the wrapper's

    def get_config(self) -> dict:
        return {**super().get_config(), "power_iterations": self.power_iterations, "epsilon": self.epsilon}
