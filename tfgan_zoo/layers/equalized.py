"""Equalised learning rate: weights from N(0, 1), scaled when used. Karras et al. 2017, arXiv:1710.10196, 4.1."""

import math

import keras

from tfgan_zoo.layers.blur_resampling import BlurDownsampleConv2D, BlurUpsampleConv2D
from tfgan_zoo.layers.grouped_conv import DepthwiseConv2D, GroupedConv2D
from tfgan_zoo.layers.replaced_kernel import output_axis, replaced_kernel
from tfgan_zoo.layers.resampling_conv import UpsampleConv2D

ROOT_2 = math.sqrt(2)


class Equalized:
    """Makes a Keras layer compute with `kernel * gain / sqrt(fan_in)`: the He constant at gain sqrt(2).

    fan_in counts the kernel's elements that reach one output: kernel size times input channels.
    """

    def __init__(self, *args, gain=ROOT_2, **kwargs):
        kwargs.setdefault("kernel_initializer", keras.initializers.RandomNormal(stddev=1.0))
        super().__init__(*args, **kwargs)
        self.gain = gain

    @property
    def scale(self):
        fan_in = list(self.kernel.shape)
        fan_in.pop(output_axis(self))
        return self.gain / math.sqrt(math.prod(fan_in))

    def call(self, inputs):
        with replaced_kernel(self, self.scale * self.kernel):
            return super().call(inputs)

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedDense(Equalized, keras.layers.Dense):
    """`keras.layers.Dense` at equalised learning rate; `gain` is sqrt(2), or 1 for a linear output."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedConv2D(Equalized, keras.layers.Conv2D):
    """`keras.layers.Conv2D` at equalised learning rate; `gain` is sqrt(2), or 1 for a linear output."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedConv2DTranspose(Equalized, keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` at equalised learning rate; `gain` is sqrt(2), or 1 for a linear output."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedUpsampleConv2D(Equalized, UpsampleConv2D):
    """`UpsampleConv2D`, conv3x3 of a nearest upsampling by 2, at equalised learning rate: fan_in is 9 times the channels."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedBlurUpsampleConv2D(Equalized, BlurUpsampleConv2D):
    """`BlurUpsampleConv2D` at equalised learning rate: fan_in is 9 times the channels."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedBlurDownsampleConv2D(Equalized, BlurDownsampleConv2D):
    """`BlurDownsampleConv2D` at equalised learning rate: fan_in is 9 times the channels."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedGroupedConv2D(Equalized, GroupedConv2D):
    """`GroupedConv2D` at equalised learning rate: fan_in is the kernel's size times the channels of a group."""


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class EqualizedDepthwiseConv2D(Equalized, DepthwiseConv2D):
    """`DepthwiseConv2D` at equalised learning rate: fan_in is the kernel's size."""
