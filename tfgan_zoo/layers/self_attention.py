"""Self-attention over positions. Zhang et al. 2018, arXiv:1805.08318, section 3, with the pooled keys of the authors' code."""

from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers.recomputation import delayed, recomputed
from tfgan_zoo.layers.spectral_normalization import SpectralNormalization

PART = 2**26  # bytes of attention weights that are in memory at once where they are computed again


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class SelfAttention(keras.layers.Layer):
    """x + gain * o(softmax over key positions of f(x) g(x)^T applied to h(x)); gain starts at 0.

    Queries f and keys g have C/8 channels, values h have C/2; f, g, h and o are 1x1 convolutions without bias.
    Input and output: [batch, height, width, C], with C at least 8, and even height and width if `pool` is on.

    Args:
        pool: max-pool keys and values 2x2, as in the authors' code; False for the paper's formula.
        spectral_norm: apply spectral normalisation to each 1x1 convolution, as SAGAN does in both players.
        kernel_initializer, kernel_regularizer: of the four convolutions.
        spectral_epsilon: epsilon of their spectral normalisation.

    Attributes:
        recompute: whether training keeps no attention weights, but computes them again for gradients, initially False.

    Raises:
        ZooError: at build, fewer than 8 channels, or odd sizes with `pool`.

    Examples:
        The identity until training moves the gain.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import SelfAttention
        >>> layer, x = SelfAttention(), np.random.default_rng(0).normal(size=[1, 4, 4, 8]).astype("float32")
        >>> bool(np.array_equal(layer(x), x))
        True
        >>> _ = layer.gain.assign(1.0)
        >>> bool(np.array_equal(layer(x), x))
        False
    """

    def __init__(
        self,
        pool: bool = True,
        spectral_norm: bool = False,
        kernel_initializer: str | keras.Initializer = "glorot_uniform",
        kernel_regularizer: str | keras.Regularizer | None = None,
        spectral_epsilon: float = 1e-12,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.recompute = False
        self.pool = pool
        self.spectral_norm = spectral_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.spectral_epsilon = spectral_epsilon

    def build(self, input_shape: tuple) -> None:
        _, height, width, channels = input_shape
        if channels < 8:
            raise ZooError(f"SelfAttention needs at least 8 channels (queries have C/8), and got {channels}.")
        if self.pool and (height or 0) % 2 + (width or 0) % 2:
            raise ZooError(f"SelfAttention pools keys 2x2 and got {height}x{width}; use an even size, or pool=False.")
        self.query = self.projection("query", channels // 8, input_shape)
        self.key = self.projection("key", channels // 8, input_shape)
        self.value = self.projection("value", channels // 2, input_shape)
        self.mixed = self.projection("mixed", channels, (*input_shape[:-1], channels // 2))
        self.gain = self.add_weight(name="gain", shape=(), initializer="zeros")

    def projection(self, name: str, width: int, input_shape: tuple) -> keras.layers.Layer:
        initializer = keras.initializers.get(
            keras.initializers.serialize(self.kernel_initializer)
        )  # a copy, so that it draws other numbers
        conv = keras.layers.Conv2D(
            width,
            1,
            use_bias=False,
            kernel_initializer=initializer,
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        conv = SpectralNormalization(conv, epsilon=self.spectral_epsilon) if self.spectral_norm else conv
        conv.build(input_shape)
        return conv

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        def project(conv, x):
            return conv(x, training=training) if self.spectral_norm else conv(x)

        shape = tf.shape(inputs)
        query, key, value = (project(c, inputs) for c in (self.query, self.key, self.value))
        if self.pool:
            key, value = (tf.nn.max_pool2d(t, 2, 2, "VALID") for t in (key, value))
        query, key, value = (tf.reshape(t, [shape[0], -1, t.shape[-1]]) for t in (query, key, value))
        attend = self.attended_in_parts if training and self.recompute else self.attended
        mixed = tf.reshape(attend(query, key, value), tf.concat([shape[:-1], [value.shape[-1]]], 0))
        return inputs + tf.cast(self.gain, inputs.dtype) * project(self.mixed, mixed)

    def attended(self, query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """Means of the values [B, K, V], weighted for each query [B, N, D] by its products with the keys [B, K, D]: [B, N, V]."""
        scores = tf.matmul(query, key, transpose_b=True)
        weights = tf.nn.softmax(tf.cast(scores, self.variable_dtype), axis=-1)
        return tf.matmul(tf.cast(weights, value.dtype), value)

    def attended_in_parts(self, *tensors: tf.Tensor) -> tf.Tensor:
        """`attended` of some images after the others, forward and backward, so that few images' weights are in memory; of all at once
        in a graph that does not know how many there are."""
        query, key, _ = tensors
        if query.shape[0] is None:
            return self.attended(*tensors)
        rows = max(1, PART // (query.shape[1] * key.shape[1] * tf.as_dtype(self.variable_dtype).size))
        parts: list[tf.Tensor] = []
        for start in range(0, query.shape[0], rows):
            part = [t[start : start + rows] for t in tensors]
            part = delayed(part, parts[-1]) if parts else part
            parts += recomputed(lambda *own: [self.attended(*own)], [], part)
        return tf.concat(parts, 0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "pool": self.pool,
            "spectral_norm": self.spectral_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "spectral_epsilon": self.spectral_epsilon,
        }
