"""Grouped and depthwise convolutions that are fast on CPUs, forwards and backwards.

Krizhevsky et al. 2012; Xie et al. 2016, arXiv:1611.05431; depthwise: Chollet 2016, arXiv:1610.02357.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

BLOCK = 32  # input channels per ordinary convolution; `benchmarks/grouped_conv.py` compares sizes


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D(filters, kernel_size, groups=groups, ...)`: same arguments, kernel and function.

    The kernel has shape [height, width, channels / groups, filters]; output channels of group g see only its input
    channels. TensorFlow has no gradient of a grouped convolution on CPU, so Keras compiles it with XLA, which is slow
    there. This layer cuts the channels into blocks of neighbouring groups, `BLOCK` channels wide or one group if that is
    wider, and convolves each block with an ordinary block-diagonal kernel: at most `BLOCK * groups / channels` times the
    multiplications, however many groups there are. One channel per group is a depthwise convolution. Both forms are
    built from ops that have gradients of any order and export to TFLite and ONNX.

    `python -m benchmarks.grouped_conv` compares the forms on your machine; its table is in that module.

    Examples:
        Two groups: outputs 0 and 1 see channels 0 and 1, outputs 2 and 3 see channels 2 and 3.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import GroupedConv2D
        >>> layer = GroupedConv2D(4, 1, groups=2, kernel_initializer="ones")
        >>> layer(np.array([[[[1.0, 2.0, 10.0, 20.0]]]], "float32")).numpy().tolist()
        [[[[3.0, 3.0, 30.0, 30.0]]]]
        >>> tuple(layer.kernel.shape)
        (1, 1, 2, 4)
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The convolution without bias and activation."""
        kernel = tf.convert_to_tensor(kernel)
        if kernel.shape[2] == 1 and self.strides[0] == self.strides[1]:  # TensorFlow's op knows no others
            return self.depthwise(inputs, kernel)
        return self.blockwise(inputs, kernel)

    def depthwise(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """kernel: [height, width, 1, filters]."""
        return keras.ops.depthwise_conv(
            inputs,
            tf.reshape(kernel, [*self.kernel_size, self.groups, -1]),
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def blockwise(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """kernel: [height, width, channels / groups, filters]."""
        size, filters = kernel.shape[2], self.filters // self.groups  # of one group
        groups = min(self.groups, max(1, BLOCK // size))  # of one block; the last block may have fewer
        counts = [min(groups, self.groups - first) for first in range(0, self.groups, groups)]
        if groups > 1:  # zeros between the groups of a block
            row_group = np.arange(groups * size)[:, None] // size
            column_group = np.arange(self.filters) // filters % groups
            kernel = tf.tile(kernel, [1, 1, groups, 1]) * tf.constant(row_group == column_group, kernel.dtype)
        axis = -1 if self.data_format == "channels_last" else 1
        kernels = tf.split(kernel, [count * filters for count in counts], axis=-1)
        parts = tf.split(inputs, [count * size for count in counts], axis=axis)
        outputs = [
            super(GroupedConv2D, self).convolution_op(part, kernel[:, :, : count * size])
            for part, kernel, count in zip(parts, kernels, counts, strict=True)
        ]
        return tf.concat(outputs, axis=axis)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class DepthwiseConv2D(GroupedConv2D):
    """Convolves each channel alone: [batch, h, w, c] -> [batch, h', w', c * depth_multiplier].

    The function of `keras.layers.DepthwiseConv2D`, with the kernel of a grouped convolution, [height, width, 1,
    c * depth_multiplier], output m of channel c at c * depth_multiplier + m. So its last axis counts outputs, as
    `SpectralNormalization`, `WeightNormalization`, `TopSingularClamp` and initialisers that scale by fan-in expect: a fan-in of
    height * width, where Keras' layout gives `c` times as much.

    Args:
        kernel_size: one number or two.
        depth_multiplier: output channels per input channel.
        **kwargs: `keras.layers.Conv2D`'s, except for `filters` and `groups`, which follow from the input.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import DepthwiseConv2D
        >>> layer = DepthwiseConv2D(2, kernel_initializer="ones", use_bias=False)
        >>> image = np.array([[[1, 10], [2, 20]], [[3, 30], [4, 40]]], "float32")
        >>> layer(image[None]).numpy().tolist()
        [[[[10.0, 100.0]]]]
    """

    def __init__(self, kernel_size: int | tuple[int, int], depth_multiplier: int = 1, **kwargs: Any):
        super().__init__(depth_multiplier, kernel_size, **kwargs)
        self.depth_multiplier = depth_multiplier

    def build(self, input_shape: tuple) -> None:
        self.groups, self.filters = self.widths(input_shape)
        super().build(input_shape)

    def widths(self, input_shape: tuple) -> tuple[int, int]:
        """Channels of the input and of the output."""
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        return channels, channels * self.depth_multiplier

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        shape = list(super().compute_output_shape(input_shape))
        shape[-1 if self.data_format == "channels_last" else 1] = self.widths(input_shape)[1]
        return tuple(shape)

    def get_config(self) -> dict:
        config = {**super().get_config(), "depth_multiplier": self.depth_multiplier}
        return {name: value for name, value in config.items() if name not in ("filters", "groups")}
