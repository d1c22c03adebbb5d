"""Resampling by 2 through a low-pass filter such as [1, 3, 3, 1]. Zhang 2019, arXiv:1904.11486; StyleGAN2: Karras et al. 2019,
arXiv:1912.04958, appendix B, with the padding of the authors' code.

A pass along an axis is a product with a banded matrix. At the sizes of images that is as fast as a depthwise convolution or
faster, above all under XLA and in bfloat16, though the matrix also multiplies by its zeros.
"""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.layers.resampling_conv import ResamplingConv2D

TAPS = (1, 3, 3, 1)


def checked_taps(taps: tuple) -> tuple[float, ...]:
    """The filter as it was given, in numbers that JSON knows.

    Raises:
        ValueError: fewer than 2 taps, or a sum of 0.
    """
    numbers = tuple(float(tap) for tap in taps)
    if len(numbers) < 2 or not sum(numbers):
        raise ValueError(f"taps={taps}; expected at least two numbers whose sum is not 0, such as [1, 3, 3, 1].")
    return numbers


@functools.lru_cache(maxsize=256)
def filter_matrix(taps: tuple[float, ...], size: int, up: int, down: int, before: int, after: int) -> np.ndarray:
    """float64 [outputs, size]: zeros inserted after each element where `up` is 2, padding, convolution with the normalised
    taps, and every `down`-th element of that."""
    stuffed = np.zeros([before + up * size + after, size])
    stuffed[before : before + up * size : up] = np.eye(size)
    flipped = np.array(taps[::-1]) / sum(taps)
    windows = np.lib.stride_tricks.sliding_window_view(stuffed, len(taps), axis=0)[::down]  # [outputs, size, taps]
    return windows @ flipped


def known_size(x: tf.Tensor) -> tuple[int, int]:
    """Height and width of x [batch, h, w, c].

    Raises:
        ValueError: one of them is not known when the graph is made.
    """
    _, height, width, _ = x.shape
    if height is None or width is None:
        raise ValueError(f"input of shape {x.shape}: expected a fixed height and width, which a blur's matrices need.")
    return height, width


def filtered(
    x: tf.Tensor, taps: tuple[float, ...], before: int, after: int, *, up: int = 1, down: int = 1, gain: float = 1.0
) -> tf.Tensor:
    """x [batch, h, w, c] through the same `filter_matrix` along height and along width, times `gain` along each."""
    (height, width), channels = known_size(x), x.shape[-1]
    rows, columns = (
        tf.constant(gain * filter_matrix(taps, size, up, down, before, after), x.dtype) for size in (height, width)
    )
    x = tf.matmul(rows, tf.reshape(x, [-1, height, width * channels]))
    x = tf.matmul(columns, tf.reshape(x, [-1, width, channels]))
    return tf.reshape(x, [-1, rows.shape[0], columns.shape[0], channels])


class Blur(keras.layers.Layer):
    """A resampling by 2 with `taps`, which are normalised to a sum of 1 and applied along height and along width."""

    def __init__(self, taps: tuple = TAPS, **kwargs: Any):
        super().__init__(**kwargs)
        self.taps = checked_taps(taps)

    def get_config(self) -> dict:
        return {**super().get_config(), "taps": self.taps}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BlurUpsample2D(Blur):
    """Doubles height and width: [batch, h, w, c] -> [batch, 2h, 2w, c].

    Zeros are inserted between the pixels, and the result is convolved with the filter times 4, zeros outside of the image.
    With [1, 3, 3, 1] each new pixel is 3/4 of the nearest one and 1/4 of the next along each axis. For symmetric taps
    this is 4 times the transpose of `BlurDownsample2D`.

    Args:
        taps: the filter along one axis, at least 2 numbers; they are normalised.

    Raises:
        ValueError: fewer than 2 taps or a sum of 0; an input of unknown height or width.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import BlurUpsample2D
        >>> image = np.array([4.0, 8.0], "float32").reshape(1, 1, 2, 1)
        >>> BlurUpsample2D()(image)[0, 0, :, 0].numpy().tolist()  # 3/4 of: 3, 3 + 2, 1 + 6, 6
        [2.25, 3.75, 5.25, 4.5]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        margin = len(self.taps) - 2
        return filtered(inputs, self.taps, (margin + 1) // 2 + 1, margin // 2, up=2, gain=2.0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BlurDownsample2D(Blur):
    """Halves height and width, odd ones rounded down: [batch, h, w, c] -> [batch, h / 2, w / 2, c].

    The image is convolved with the filter, zeros outside of it, and every second pixel is taken.

    Args:
        taps: the filter along one axis, at least 2 numbers; they are normalised.

    Raises:
        ValueError: fewer than 2 taps or a sum of 0; an input of unknown height or width.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import BlurDownsample2D
        >>> image = np.full([1, 4, 4, 1], 64.0, "float32")
        >>> BlurDownsample2D()(image)[0, :, :, 0].numpy().tolist()  # 7/8 of each sum is inside along an axis
        [[49.0, 49.0], [49.0, 49.0]]
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        margin = len(self.taps) - 2
        return filtered(inputs, self.taps, (margin + 1) // 2, margin // 2, down=2)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height and height // 2, width and width // 2, channels)


class BlurConv2D(ResamplingConv2D):
    """A 3x3 convolution next to a blur with `taps`."""

    def __init__(self, filters: int, kernel_size: int = 3, padding: str = "same", taps: tuple = TAPS, **kwargs: Any):
        super().__init__(filters, kernel_size, padding, **kwargs)
        self.taps = checked_taps(taps)

    def get_config(self) -> dict:
        return {**super().get_config(), "taps": self.taps}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BlurUpsampleConv2D(BlurConv2D):
    """A transposed 3x3 convolution by 2, then the filter times 4: [batch, h, w, c] -> [batch, 2h, 2w, filters].

    Away from the rim this is a 3x3 convolution of `BlurUpsample2D`, for a quarter of the multiplications.

    Args:
        filters: output channels.
        taps: the filter along one axis, at least 2 numbers; they are normalised.
        **kwargs: `keras.layers.Conv2D`'s; size, strides, padding, dilation and groups are fixed.

    Raises:
        ValueError: another size, stride, padding, dilation or grouping; fewer than 2 taps or a sum of 0; an input of
            unknown height or width.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import BlurUpsampleConv2D
        >>> layer = BlurUpsampleConv2D(5, kernel_initializer="ones")
        >>> images = layer(np.ones([2, 8, 8, 3], "float32"))
        >>> tuple(images.shape), float(images[0, 8, 8, 0])  # 3 * 3 pixels of 3 channels
        ((2, 16, 16, 5), 27.0)
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        # The transpose of a strided convolution scatters what a correlation gathers, so the kernel is rotated by 180 degrees.
        kernel = tf.transpose(tf.reverse(tf.convert_to_tensor(self.kernel), [0, 1]), [0, 1, 3, 2])
        height, width = known_size(inputs)
        shape = [tf.shape(inputs)[0], 2 * height + 1, 2 * width + 1, self.filters]
        outputs = tf.nn.conv2d_transpose(inputs, kernel, tf.stack(shape), strides=2, padding="VALID")
        outputs.set_shape([inputs.shape[0], *shape[1:]])
        margin = len(self.taps) - 4
        return self.finish(filtered(outputs, self.taps, (margin + 1) // 2 + 1, margin // 2 + 1, gain=2.0))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BlurDownsampleConv2D(BlurConv2D):
    """The filter, then a 3x3 convolution at stride 2: [batch, h, w, c] -> [batch, h / 2, w / 2, filters]; h and w even.

    Args:
        filters: output channels.
        taps: the filter along one axis, at least 2 numbers; they are normalised.
        **kwargs: `keras.layers.Conv2D`'s; size, strides, padding, dilation and groups are fixed.

    Raises:
        ValueError: another size, stride, padding, dilation or grouping; fewer than 2 taps or a sum of 0; an input of odd
            or unknown height or width.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import BlurDownsampleConv2D
        >>> layer = BlurDownsampleConv2D(5, kernel_initializer="ones")
        >>> images = layer(np.ones([2, 8, 8, 3], "float32"))
        >>> tuple(images.shape), float(images[0, 2, 2, 0])  # 3 * 3 pixels of 3 channels
        ((2, 4, 4, 5), 27.0)
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        blurred = filtered(inputs, self.taps, (len(self.taps) + 1) // 2, len(self.taps) // 2)
        return self.finish(tf.nn.conv2d(blurred, tf.convert_to_tensor(self.kernel), strides=2, padding="VALID"))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, _ = input_shape
        if (height or 0) % 2 or (width or 0) % 2:
            raise ValueError(
                f"BlurDownsampleConv2D halves height and width; got {height}x{width}, expected even sizes."
            )
        return (batch, height and height // 2, width and width // 2, self.filters)
