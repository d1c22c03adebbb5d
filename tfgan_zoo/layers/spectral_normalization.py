"""Spectral normalisation: a layer computes with W / sigma(W). Miyato et al. 2018, arXiv:1802.05957, algorithm 1."""

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.layers.replaced_kernel import kernel_of, output_axis, replaced_kernel

START_ITERATIONS = 10  # at build, so that the first step sees a fair estimate and not that of a random vector


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class SpectralNormalization(keras.layers.Wrapper):
    """Wraps Dense, convolutions (transposed too) or Embedding: the layer computes with its kernel over its largest
    singular value, estimated by power iteration on the kernel seen as a matrix [everything else, outputs].

    Every call with `training=True` takes `power_iterations` steps from the stored vectors and stores the new ones; a
    call in inference changes nothing, and takes the stored vectors at norm 1. The kernel itself is never overwritten, and
    the gradient flows through W in sigma = v^T W u, with u and v held fixed, so that it is (1 / sigma) (G - <G, W / sigma>
    v u^T) for the gradient G that arrives. The iteration runs in float32 at least, whatever the precision of the layer.
    Replicas compute the same vectors from the same kernel, so nothing is communicated.

    Args:
        layer: the layer to wrap.
        power_iterations: steps per training call, at least 1.
        epsilon: norms and singular values up to it are not divided by, so that a kernel of zeros stays one.

    Raises:
        TypeError: at build, where the layer has no single kernel.
    """

    def __init__(self, layer, power_iterations=1, epsilon=1e-12, **kwargs):
        # Without autocast the kernel is read as stored: the wrapped layer casts its inputs and the kernel itself.
        kwargs.update(autocast=False, dtype=layer.variable_dtype)
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)
        if power_iterations < 1:
            raise ValueError(f"power_iterations={power_iterations}; at least 1 is needed.")
        self.power_iterations = power_iterations
        self.epsilon = epsilon

    def build(self, input_shape=None):
        super().build(input_shape)
        kernel = kernel_of(self.layer)
        self.axis = output_axis(self.layer) % len(kernel.shape)
        self.iteration_dtype = "float64" if kernel.dtype == "float64" else "float32"
        outputs = kernel.shape[self.axis]
        random = keras.initializers.RandomNormal(stddev=1.0)

        # Initialisers rather than assignments, which a first call while tracing would lose.
        def first_u(shape, dtype=None):
            return self.iterate(self.matrix(kernel.value), self.unit(random(shape, dtype)), START_ITERATIONS)[0]

        def first_v(shape, dtype=None):
            return self.unit(tf.linalg.matvec(self.matrix(kernel.value), self.u.value))

        self.u = self.vector("u", outputs, first_u)
        self.v = self.vector("v", int(np.prod(kernel.shape)) // outputs, first_v)

    def vector(self, name, size, initializer):
        return self.add_weight(
            name=name, shape=(size,), initializer=initializer, dtype=self.iteration_dtype,
            trainable=False, autocast=False,
        )  # fmt: skip

    def matrix(self, kernel):
        """kernel: as the layer stores it. Returns it as float32 or float64 [everything else, outputs]."""
        kernel = tf.cast(kernel, self.iteration_dtype)
        rank = len(kernel.shape)
        if self.axis != rank - 1:
            kernel = tf.transpose(kernel, [*(a for a in range(rank) if a != self.axis), self.axis])
        return tf.reshape(kernel, [-1, kernel.shape[-1]])

    def iterate(self, matrix, u, steps):
        """`steps` power iterations on matrix [rest, outputs] from u [outputs]. Returns u and v [rest], of norm 1."""
        for _ in range(steps):
            v = self.unit(tf.linalg.matvec(matrix, u))
            u = self.unit(tf.linalg.matvec(matrix, v, transpose_a=True), former=u)
        return tf.stop_gradient(u), tf.stop_gradient(v)

    def unit(self, vector, former=0.0):
        """`vector` at norm 1, or `former` where it vanishes: from u = 0 the iteration would never move again."""
        norm = tf.norm(vector)
        return tf.where(norm > self.epsilon, vector / tf.maximum(norm, self.epsilon), former)

    def call(self, inputs, training=False):
        kernel = kernel_of(self.layer).value
        matrix = self.matrix(kernel)
        if training:
            u, v = self.iterate(tf.stop_gradient(matrix), self.u.value, self.power_iterations)
            self.u.assign(u)
            self.v.assign(v)
        else:  # those of a moving average are shorter than 1
            u, v = self.unit(self.u.value), self.unit(self.v.value)
        sigma = tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)
        normalized = tf.cast(kernel, sigma.dtype) / tf.where(sigma > self.epsilon, sigma, tf.ones_like(sigma))
        with replaced_kernel(self.layer, tf.cast(normalized, kernel.dtype)):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=False):
        return self.layer.compute_output_spec(inputs)  # of its compute dtype, which is not the wrapper's

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations, "epsilon": self.epsilon}
