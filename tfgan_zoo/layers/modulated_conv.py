"""Convolutions whose input channels a style scales, and whose outputs are scaled back to unit size (demodulation).
Karras et al. 2019, arXiv:1912.04958, section 2.2.

The inputs are scaled before the convolution and its outputs after it. That is the function of a kernel per example, at the cost of one
kernel for all.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.layers.blur_resampling import BlurUpsampleConv2D
from tfgan_zoo.layers.replaced_kernel import replaced_kernel


class Modulated(keras.layers.Layer):
    """Makes a convolution one of [x, s]: features [batch, h, w, c] and styles [batch, c]. The bias is added after demodulation.

    Demodulated, output channel j is divided by the norm of its kernel as the style scales it, sqrt(sum over i, h, w of
    (s_i k_hwij)^2 + epsilon). Without it, the kernel is at equalised learning rate: divided by sqrt(fan_in).

    In float16 styles and kernels are first divided by their largest values, which demodulation undoes, so that no sum overflows, as in
    the code of Karras et al. 2020, arXiv:2006.06676.
    """

    use_bias: bool

    def __init__(self, *args: Any, demodulate: bool = True, epsilon: float = 1e-8, **kwargs: Any):
        kwargs.setdefault("kernel_initializer", keras.initializers.RandomNormal(stddev=1.0))
        super().__init__(*args, **kwargs)
        self.demodulate, self.epsilon = demodulate, epsilon
        self.input_spec = None  # Keras' is of one input

    def build(self, input_shape: Any) -> None:
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs: Any) -> tf.Tensor:
        x, styles = inputs
        if self.compute_dtype == "float16" and self.demodulate:
            styles = styles / tf.reduce_max(tf.abs(styles), axis=1, keepdims=True)
        x = x * tf.cast(styles, x.dtype)[:, None, None, :]
        biased, self.use_bias = self.use_bias, False  # until the convolution is demodulated
        try:
            outputs = self.demodulated(x, styles) if self.demodulate else self.scaled(x)
        finally:
            self.use_bias = biased
        return tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias)) if biased else outputs

    def scaled(self, x: tf.Tensor) -> tf.Tensor:
        """The convolution at equalised learning rate."""
        with replaced_kernel(self, self.kernel / math.sqrt(math.prod(self.kernel.shape[:-1]))):
            return super().call(x)

    def demodulated(self, x: tf.Tensor, styles: tf.Tensor) -> tf.Tensor:
        """The convolution of modulated features x, divided by the norms of the modulated kernel."""
        kernel = tf.convert_to_tensor(self.kernel.value)  # stored, in full precision
        if self.compute_dtype == "float16":
            kernel /= tf.reduce_max(tf.abs(kernel), axis=[0, 1, 2]) * math.sqrt(math.prod(kernel.shape[:-1]))
            with replaced_kernel(self, kernel):
                outputs = super().call(x)
        else:
            outputs = super().call(x)
        squares = tf.reduce_sum(tf.square(kernel), axis=[0, 1])  # [c, filters]
        norms = tf.matmul(tf.square(tf.cast(styles, squares.dtype)), squares)
        return outputs * tf.cast(tf.math.rsqrt(norms + self.epsilon), outputs.dtype)[:, None, None, :]

    def compute_output_shape(self, input_shape: Any) -> tuple:
        alone = not isinstance(input_shape[0], tuple | list)  # Keras' build asks for the shape of the features
        return super().compute_output_shape(input_shape if alone else input_shape[0])

    def get_config(self) -> dict:
        return {**super().get_config(), "demodulate": self.demodulate, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ModulatedConv2D(Modulated, keras.layers.Conv2D):
    """A convolution of features [batch, h, w, c] and styles [batch, c] -> [batch, h', w', filters].

    Args:
        filters, kernel_size: of the convolution.
        demodulate: divide each output channel by the norm of its modulated kernel.
        epsilon: added to the squared norm.
        **kwargs: `keras.layers.Conv2D`'s.

    Examples:
        A kernel (3, 4) at a style of (1, 1) has norm 5; a style that is twice as large changes nothing.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import ModulatedConv2D
        >>> layer = ModulatedConv2D(1, 1)
        >>> layer.build([(None, 1, 1, 2), (None, 2)])
        >>> _ = layer.kernel.assign(np.array([3.0, 4.0], "float32").reshape(1, 1, 2, 1))
        >>> x, styles = np.ones([2, 1, 1, 2], "float32"), np.array([[1, 1], [2, 2]], "float32")
        >>> print(layer([x, styles]).numpy().ravel().round(4))  # (3 + 4) / 5
        [1.4 1.4]
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ModulatedBlurUpsampleConv2D(Modulated, BlurUpsampleConv2D):
    """`BlurUpsampleConv2D` of features [batch, h, w, c] and styles [batch, c] -> [batch, 2h, 2w, filters].

    Args:
        filters: output channels.
        demodulate, epsilon: as of `ModulatedConv2D`.
        **kwargs: `BlurUpsampleConv2D`'s.

    Raises:
        ValueError: as `BlurUpsampleConv2D`.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import ModulatedBlurUpsampleConv2D
        >>> layer = ModulatedBlurUpsampleConv2D(5, kernel_initializer="ones")
        >>> images = layer([np.ones([2, 8, 8, 4], "float32"), np.ones([2, 4], "float32")])
        >>> tuple(images.shape), round(float(images[0, 8, 8, 0]), 4)  # 36 / sqrt(36)
        ((2, 16, 16, 5), 6.0)
    """
