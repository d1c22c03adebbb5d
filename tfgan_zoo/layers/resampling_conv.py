"""A 3x3 convolution after nearest-neighbour upsampling, or before average pooling, at 16/36 of the multiplications.

Upsampling and pooling by 2 are themselves convolutions with a 2x2 box, so that either pair is one 4x4 convolution at
stride 2. The fused form is that of Karras et al. 2017 (arXiv:1710.10196, authors' code); the function is the same.
"""

import keras
import tensorflow as tf


class ResamplingConv2D(keras.layers.Conv2D):
    """A Conv2D of size 3x3, stride 1 and same padding, whose kernel is spread over the 2x2 box of a resampling by 2."""

    def __init__(self, filters, kernel_size=3, padding="same", **kwargs):
        super().__init__(filters, kernel_size, padding=padding, **kwargs)
        fixed = {"kernel_size": (3, 3), "strides": (1, 1), "padding": "same", "dilation_rate": (1, 1), "groups": 1}
        fixed["data_format"] = "channels_last"
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise ValueError(f"{name}={getattr(self, name)}; {type(self).__name__} can only have {value}.")

    def box_kernel(self):
        """The stored kernel [3, 3, in, out] convolved with a 2x2 box of ones: [4, 4, in, out]."""
        kernel = tf.convert_to_tensor(self.kernel)
        rows = tf.pad(kernel, [[0, 1], [0, 0], [0, 0], [0, 0]]) + tf.pad(kernel, [[1, 0], [0, 0], [0, 0], [0, 0]])
        return tf.pad(rows, [[0, 0], [0, 1], [0, 0], [0, 0]]) + tf.pad(rows, [[0, 0], [1, 0], [0, 0], [0, 0]])

    def finish(self, outputs):
        outputs = tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class UpsampleConv2D(ResamplingConv2D):
    """conv3x3(nearest-neighbour upsampling by 2): [batch, h, w, c] -> [batch, 2h, 2w, filters]."""

    def call(self, inputs):
        # The transpose of a strided convolution scatters what a correlation gathers, so the kernel is turned around.
        kernel = tf.transpose(tf.reverse(self.box_kernel(), [0, 1]), [0, 1, 3, 2])
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        shape = tf.stack([batch, 2 * height, 2 * width, self.filters])
        outputs = tf.nn.conv2d_transpose(inputs, kernel, shape, strides=2, padding="SAME")
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        return self.finish(outputs)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ConvDownsample2D(ResamplingConv2D):
    """Average pooling by 2 of conv3x3: [batch, h, w, c] -> [batch, h / 2, w / 2, filters]; h and w even."""

    def call(self, inputs):
        return self.finish(tf.nn.conv2d(inputs, self.box_kernel() / 4, strides=2, padding="SAME"))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        if (height or 0) % 2 or (width or 0) % 2:
            raise ValueError(f"ConvDownsample2D halves height and width, which must be even; got {height}x{width}.")
        return (batch, height and height // 2, width and width // 2, self.filters)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class Upsample2D(keras.layers.Layer):
    """Nearest-neighbour upsampling by 2: [batch, h, w, c] -> [batch, 2h, 2w, c].

    Written as the transpose of average pooling, whose kernel and whose gradient's kernel are fast where repeating rows
    and summing them up again is slow.
    """

    def call(self, inputs):
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

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)
