"""Equalised learning rate: weights from N(0, 1), scaled when used. Karras et al. 2017, arXiv:1710.10196, 4.1."""

import math
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.layers.blur_resampling import BlurDownsampleConv2D, BlurUpsampleConv2D
from tfgan_zoo.layers.grouped_conv import DepthwiseConv2D, GroupedConv2D
from tfgan_zoo.layers.replaced_kernel import output_axis, replaced_kernel
from tfgan_zoo.layers.resampling_conv import UpsampleConv2D

ROOT_2 = math.sqrt(2)


class Equalized(keras.layers.Layer):
    """Makes a Keras layer compute with `kernel * gain / sqrt(fan_in)`, He's constant at gain sqrt(2).

    fan_in is the number of kernel elements per output: kernel size times input channels (per group).
    """

    def __init__(self, *args: Any, gain: float = ROOT_2, **kwargs: Any):
        kwargs.setdefault("kernel_initializer", keras.initializers.RandomNormal(stddev=1.0))
        super().__init__(*args, **kwargs)
        self.gain = gain

    @property
    def scale(self) -> float:
        """gain / sqrt(fan_in)."""
        fan_in = list(self.kernel.shape)
        fan_in.pop(output_axis(self))
        return self.gain / math.sqrt(math.prod(fan_in))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        with replaced_kernel(self, self.scale * self.kernel):
            return super().call(inputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "gain": self.gain}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedDense(Equalized, keras.layers.Dense):
    """`keras.layers.Dense` at equalised learning rate; `gain` is sqrt(2), or 1 for a linear output.

    Args:
        units: outputs.
        gain: see `Equalized`.
        rate_multiplier: m, by which kernel and bias learn more slowly: they are stored divided by m, and multiplied by it when used
            (StyleGAN's mapping has 0.01: Karras et al. 2018, arXiv:1812.04948, appendix C).
        **kwargs: `keras.layers.Dense`'s.

    Examples:
        6 sqrt(2 / 6).

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedDense
        >>> layer = EqualizedDense(2, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 6], "float32")))), 4)
        3.4641
    """

    def __init__(self, units: int, gain: float = ROOT_2, rate_multiplier: float = 1.0, **kwargs: Any):
        normal = keras.initializers.RandomNormal(stddev=1.0 / rate_multiplier)
        super().__init__(units, gain=gain, **{"kernel_initializer": normal, **kwargs})
        self.rate_multiplier = rate_multiplier

    @property
    def scale(self) -> float:
        """gain m / sqrt(fan_in)."""
        return super().scale * self.rate_multiplier

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.rate_multiplier == 1 or not self.use_bias:
            return super().call(inputs)
        kernel, bias = (tf.convert_to_tensor(v) for v in (self.kernel, self.bias))
        outputs = tf.matmul(inputs, self.scale * kernel) + self.rate_multiplier * bias
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate_multiplier": self.rate_multiplier}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedConv2D(Equalized, keras.layers.Conv2D):
    """`keras.layers.Conv2D` at equalised learning rate; `gain` is sqrt(2), or 1 for a linear output.

    Examples:
        18 sqrt(2 / 18).

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedConv2D
        >>> layer = EqualizedConv2D(5, 3, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 3, 3, 2], "float32")))), 4)
        6.0
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedConv2DTranspose(Equalized, keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` at equalised learning rate; `gain` is sqrt(2), or 1 for a linear output.

    Examples:
        fan_in is 2 * 2 * 3, of which 3 reach each pixel at stride 2: 3 sqrt(2 / 12).

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedConv2DTranspose
        >>> layer = EqualizedConv2DTranspose(5, 2, strides=2, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 1, 1, 3], "float32")))), 4)
        1.2247
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedUpsampleConv2D(Equalized, UpsampleConv2D):
    """`UpsampleConv2D`, conv3x3 of a nearest upsampling by 2, at equalised learning rate: fan_in is 9 times the channels.

    Examples:
        18 sqrt(2 / 18), inside the image.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedUpsampleConv2D
        >>> layer = EqualizedUpsampleConv2D(5, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 2, 2, 2], "float32")))), 4)
        6.0
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedBlurUpsampleConv2D(Equalized, BlurUpsampleConv2D):
    """`BlurUpsampleConv2D` at equalised learning rate: fan_in is 9 times the channels.

    Examples:
        18 sqrt(2 / 18), inside the image.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedBlurUpsampleConv2D
        >>> layer = EqualizedBlurUpsampleConv2D(5, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 8, 8, 2], "float32")))), 4)
        6.0
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedBlurDownsampleConv2D(Equalized, BlurDownsampleConv2D):
    """`BlurDownsampleConv2D` at equalised learning rate: fan_in is 9 times the channels.

    Examples:
        18 sqrt(2 / 18), inside the image.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedBlurDownsampleConv2D
        >>> layer = EqualizedBlurDownsampleConv2D(5, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 8, 8, 2], "float32")))), 4)
        6.0
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedGroupedConv2D(Equalized, GroupedConv2D):
    """`GroupedConv2D` at equalised learning rate: fan_in is the kernel size times the channels per group.

    Examples:
        18 sqrt(2 / 18), in groups of 2 channels.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedGroupedConv2D
        >>> layer = EqualizedGroupedConv2D(4, 3, groups=4, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 3, 3, 8], "float32")))), 4)
        6.0
    """


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedDepthwiseConv2D(Equalized, DepthwiseConv2D):
    """`DepthwiseConv2D` at equalised learning rate: fan_in is the kernel size.

    Examples:
        9 sqrt(2 / 9).

        >>> import numpy as np
        >>> from tfgan_zoo.layers import EqualizedDepthwiseConv2D
        >>> layer = EqualizedDepthwiseConv2D(3, kernel_initializer="ones")
        >>> round(float(np.max(layer(np.ones([1, 3, 3, 8], "float32")))), 4)
        4.2426
    """
