"""Random affine maps of the colours of images. Karras et al. 2020, arXiv:2006.06676, appendix B.

Every transform of an image is drawn by itself and happens with the probability that is asked for; all that happen are multiplied
to one matrix. The colours of the result may leave [-1, 1].
"""

import math

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, normal_of, position_independent
from tfgan_zoo.observation.geometry import chosen, matrix, power_of_two, product

BRIGHTNESS = 0.2  # standard deviation, for images in [-1, 1]
CONTRAST = 0.5  # standard deviation of the logarithm to base 2
SATURATION = 1.0  # standard deviation of the logarithm to base 2
CHANNELS = (1, 3, 4)  # gray, RGB, RGBA

GRAY = np.full([3, 3], 1 / 3, np.float32)  # projects a colour onto the axis of grays, v = (1, 1, 1) / sqrt(3)
CROSS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / np.float32(3**0.5)  # CROSS c = v x c


def along_gray(on_axis: tf.Tensor | float, across: tf.Tensor, around: tf.Tensor | float = 0.0) -> tf.Tensor:
    """[B, 4, 4]: colours times `on_axis` along the axis of grays and `across` at right angles to it, plus `around` v x c.

    Args:
        on_axis, across, around: [B], or numbers.
    """
    one = tf.ones_like(across)
    part = lambda x, of: (x * one)[:, None, None] * of  # noqa: E731
    linear = part(on_axis, GRAY) + part(across, np.eye(3, dtype=np.float32) - GRAY) + part(around, CROSS)
    return tf.pad(linear, [[0, 0], [0, 1], [0, 1]]) + tf.linalg.diag([0.0, 0.0, 0.0, 1.0])


def color_transform(draws: Draws, probability: float | tf.Tensor, purpose: str = "") -> tf.Tensor:
    """The matrix [B, 4, 4] on (red, green, blue, 1) of a random brightness, contrast, luma flip, hue and saturation, in this order.

    Brightness adds N(0, 0.2^2); contrast multiplies by 2^N(0, 0.5^2); the luma flip, one of two, mirrors the axis of grays at 0; hue
    rotates about that axis by any angle; saturation multiplies the distance from it by 2^N(0, 1).

    Args:
        draws: `Draws` for B examples.
        probability: of each, in [0, 1].
        purpose: prefix of the purposes of the draws.
    """
    u = tf.unstack(draws.uniform(f"{purpose}color matrix", [10]), axis=1)
    brightness = chosen(u[0], probability, BRIGHTNESS * normal_of(u[1]), 0.0)
    contrast = power_of_two(chosen(u[2], probability, CONTRAST * normal_of(u[3]), 0.0))
    flip = chosen(u[4], probability, tf.floor(2 * u[5]), 0.0)
    hue = chosen(u[6], probability, math.pi * (2 * u[7] - 1), 0.0)
    saturation = power_of_two(chosen(u[8], probability, SATURATION * normal_of(u[9]), 0.0))
    one = tf.ones_like(flip)
    brighter = matrix(
        (1.0, 0.0, 0.0, brightness), (0.0, 1.0, 0.0, brightness), (0.0, 0.0, 1.0, brightness), (0.0, 0.0, 0.0, one)
    )
    scaled = along_gray(contrast, contrast)
    flipped = along_gray(1 - 2 * flip, one)
    turned = along_gray(1.0, position_independent(tf.cos, hue), position_independent(tf.sin, hue))
    return product(along_gray(1.0, saturation), turned, flipped, scaled, brighter)


def recolored(images: tf.Tensor, transform: tf.Tensor) -> tf.Tensor:
    """Images under a matrix [B, 4, 4] on (red, green, blue, 1) each.

    A gray image is taken for the colour (x, x, x), and the mean of the result's channels is returned: brightness, contrast and
    the luma flip act, hue and saturation do not. The alpha channel of RGBA is unchanged.

    Args:
        images: [B, H, W, C], C 1, 3 or 4.
        transform: [B, 4, 4].

    Examples:
        Twice as bright, plus a half:

        >>> double = tf.constant([[[2.0, 0, 0, 0.5], [0, 2, 0, 0.5], [0, 0, 2, 0.5], [0, 0, 0, 1]]])
        >>> recolored(tf.constant([[[[0.25]]]]), double).numpy().tolist()
        [[[[1.0]]]]
        >>> recolored(tf.constant([[[[0.0, 0.25, 0.5, 0.75]]]]), double).numpy().tolist()
        [[[[0.5, 1.0, 1.5, 0.75]]]]
    """
    linear, offset = transform[:, :3, :3], transform[:, :3, 3]
    if images.shape[-1] == 1:
        linear = tf.reduce_mean(tf.reduce_sum(linear, axis=2), axis=1)[:, None, None]
        offset = tf.reduce_mean(offset, axis=1, keepdims=True)
    count = linear.shape[-1]
    result = offset[:, None, None, :]
    for channel in range(count):
        result += images[..., channel, None] * linear[:, None, None, :, channel]
    return result if images.shape[-1] == count else tf.concat([result, images[..., count:]], axis=-1)


def color_matrix(images: tf.Tensor, draws: Draws, probability: float | tf.Tensor, purpose: str = "") -> tf.Tensor:
    """Images under the random colour transforms of `color_transform`.

    Args:
        images: [B, H, W, C], C 1, 3 or 4.
        draws: `Draws` for B examples.
        probability: of each transform, in [0, 1]: a number or a scalar.
        purpose: prefix of the purposes of the draws.

    Returns:
        [B, H, W, C], computed in float32 or float64 and returned in the dtype of the images.

    Examples:
        Black, gray and white stay gray:

        >>> from tfgan_zoo.core.draws import seed_of
        >>> grays = tf.reshape([-1.0, 0.0, 1.0], [1, 1, 3, 1]) * tf.ones([1, 1, 3, 3])
        >>> colors = color_matrix(grays, Draws(seed_of(0), 1), 1.0)
        >>> bool(tf.reduce_max(tf.math.reduce_std(colors, axis=-1)) < 1e-6)
        True
    """
    dtype = tf.float64 if images.dtype == tf.float64 else tf.float32
    transform = tf.cast(color_transform(draws, probability, purpose), dtype)
    return tf.cast(recolored(tf.cast(images, dtype), transform), images.dtype)
