"""A 3x3 convolution after nearest-neighbour upsampling, or before average pooling, with 16/36 of the multiplications.

Upsampling and pooling by 2 are themselves convolutions with a 2x2 box, so either pair is one 4x4 convolution at stride 2.
The fused form is that of Karras et al. 2017 (arXiv:1710.10196, authors' code); the function is the same.
"""

from typing import Any

import keras
import tensorflow as tf


class ResamplingConv2D(keras.layers.Conv2D):
    """A Conv2D of size 3x3, stride 1 and same padding, whose kernel is spread over the 2x2 box of a resampling by 2."""

    def __init__(self, filters: int, kernel_size: int | tuple = 3, padding: str = "same", **kwargs: Any):
        super().__init__(filters, kernel_size, padding=padding, **kwargs)
        fixed = {"kernel_size": (3, 3), "strides": (1, 1), "padding": "same", "dilation_rate": (1, 1), "groups": 1}
        fixed["data_format"] = "channels_last"
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"{name}={getattr(self, name)}; expected {value}, the only one that {type(self).__name__} has."
                )

    def box_kernel(self) -> tf.Tensor:
        """The stored kernel [3, 3, in, out] convolved with a 2x2 box of ones: [4, 4, in, out]."""
        kernel = tf.convert_to_tensor(self.kernel)
        rows = tf.pad(kernel, [[0, 1], [0, 0], [0, 0], [0, 0]]) + tf.pad(kernel, [[1, 0], [0, 0], [0, 0], [0, 0]])
        return tf.pad(rows, [[0, 0], [0, 1], [0, 0], [0, 0]]) + tf.pad(rows, [[0, 0], [1, 0], [0, 0], [0, 0]])

    def finish(self, outputs: tf.Tensor) -> tf.Tensor:
        """Adds the bias and applies the activation."""
        outputs = tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class UpsampleConv2D(ResamplingConv2D):
    """conv3x3(nearest-neighbour upsampling by 2): [batch, h, w, c] -> [batch, 2h, 2w, filters].

    Args:
        filters: output channels.
        **kwargs: `keras.layers.Conv2D`'s; size, strides, padding, dilation and groups are fixed.

    Raises:
        ValueError: another size, stride, padding, dilation or grouping.

    Examples:
        A kernel of ones sums 2x2 pixels at the corners of the upsampled image, 2x3 at its sides and 3x3 inside.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import UpsampleConv2D
        >>> UpsampleConv2D(1, kernel_initializer="ones")(np.ones([1, 2, 2, 1], "float32"))[0, :2, :, 0].numpy().tolist()
        [[4.0, 6.0, 6.0, 4.0], [6.0, 9.0, 9.0, 6.0]]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        # The transpose of a strided convolution scatters what a correlation gathers, so the kernel is rotated by 180 degrees.
        kernel = tf.transpose(tf.reverse(self.box_kernel(), [0, 1]), [0, 1, 3, 2])
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        shape = tf.stack([batch, 2 * height, 2 * width, self.filters])
        outputs = tf.nn.conv2d_transpose(inputs, kernel, shape, strides=2, padding="SAME")
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return self.finish(outputs)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ConvDownsample2D(ResamplingConv2D):
    """Average pooling by 2 of conv3x3: [batch, h, w, c] -> [batch, h / 2, w / 2, filters]; h and w even.

    Args:
        filters: output channels.
        **kwargs: `keras.layers.Conv2D`'s; size, strides, padding, dilation and groups are fixed.

    Raises:
        ValueError: another size, stride, padding, dilation or grouping; an odd height or width.

    Examples:
        The mean of the sums of 2x2, 2x3, 3x2 and 3x3 pixels at a corner: (4 + 6 + 6 + 9) / 4.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import ConvDownsample2D
        >>> ConvDownsample2D(1, kernel_initializer="ones")(np.ones([1, 4, 4, 1], "float32"))[0, :, :, 0].numpy().tolist()
        [[6.25, 6.25], [6.25, 6.25]]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.finish(tf.nn.conv2d(inputs, self.box_kernel() / 4, strides=2, padding="SAME"))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, _ = input_shape
        if (height or 0) % 2 or (width or 0) % 2:
            raise ValueError(f"ConvDownsample2D halves height and width; got {height}x{width}, expected even sizes.")
        return (batch, height and height // 2, width and width // 2, self.filters)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class Upsample2D(keras.layers.Layer):
    """Nearest-neighbour upsampling by 2: [batch, h, w, c] -> [batch, 2h, 2w, c].

    Computed as the transpose of average pooling: TensorFlow's kernels for pooling and its gradient are fast, those for
    repeating rows and summing them up again are slow.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import Upsample2D
        >>> Upsample2D()(np.array([1.0, 2.0], "float32").reshape(1, 1, 2, 1))[0, :, :, 0].numpy().tolist()
        [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        batch, height, width, channels = tf.unstack(tf.shape(inputs))
        outputs = tf.raw_ops.AvgPoolGrad(
            orig_input_shape=tf.stack([batch, 2 * height, 2 * width, channels]),
            grad=4 * inputs,  # pooling divides by the four pixels of its window
            ksize=[1, 2, 2, 1],
            strides=[1, 2, 2, 1],
            padding="VALID",
        )
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return outputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)
