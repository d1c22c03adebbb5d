"""Random affine maps of the colours of images. Karras et al. 2020, arXiv:2006.06676, appendix B.

Every transform of an image is drawn by itself and happens with the probability that is asked for; all that happen are one
matrix. The colours of the result may leave [-1, 1].
"""

import math

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.draws import Draws, normal_of, position_independent
from tfgan_zoo.observation.geometry import power_of_two

BRIGHTNESS = 0.2  # standard deviation, for images in [-1, 1]
CONTRAST = 0.5  # standard deviation of the logarithm to base 2
SATURATION = 1.0  # standard deviation of the logarithm to base 2
CHANNELS = (1, 3, 4)  # gray, RGB, RGBA

GRAY = np.full([3, 3], 1 / 3, np.float32)  # projects a colour onto the axis of grays, v = (1, 1, 1) / sqrt(3)
CROSS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / np.float32(3**0.5)  # CROSS c = v x c


def color_transform(draws: Draws, probability: float | tf.Tensor, purpose: str = "") -> tf.Tensor:
    """The matrix [B, 3, 4] on (red, green, blue, 1) of a random brightness, contrast, luma flip, hue and saturation, in this order.

    Brightness adds N(0, 0.2^2); contrast multiplies by 2^N(0, 0.5^2); the luma flip, one of two, mirrors the axis of grays at 0; hue
    rotates about that axis by any angle; saturation multiplies the distance from it by 2^N(0, 1).

    Args:
        draws: `Draws` for B examples.
        probability: of each, in [0, 1].
        purpose: prefix of the purposes of the draws.
    """
    u = draws.uniform(f"{purpose}color matrix", [10])
    picks, turns, normals, ways = tf.split(u, [3, 2, 3, 2], axis=1)
    normals = tf.where(picks < probability, normal_of(normals) * [BRIGHTNESS, CONTRAST, SATURATION], 0.0)
    brightness, contrast, saturation = tf.unstack(normals, axis=1)
    contrast, saturation = tf.unstack(power_of_two(tf.stack([contrast, saturation])))
    flip, hue = tf.unstack(tf.where(turns < probability, ways, 0.0), axis=1)
    hue = tf.where(turns[:, 1] < probability, math.pi * (2 * hue - 1), 0.0)
    # All but brightness multiply the part of a colour on the axis of grays, and multiply and turn the part across it.
    on_axis, across = contrast * (1 - 2 * tf.floor(2 * flip)), contrast * saturation
    parts = [on_axis, across * position_independent(tf.cos, hue), across * position_independent(tf.sin, hue)]
    bases = np.stack([GRAY, np.eye(3, dtype=np.float32) - GRAY, CROSS])
    linear = tf.add_n([tf.reshape(part, [-1, 1, 1]) * base for part, base in zip(parts, bases, strict=True)])
    return tf.concat([linear, tf.ones([3, 1]) * tf.reshape(on_axis * brightness, [-1, 1, 1])], axis=2)


def recolored(images: tf.Tensor, transform: tf.Tensor) -> tf.Tensor:
    """Images under a matrix on (red, green, blue, 1) each.

    A gray image is taken for the colour (x, x, x), and the mean of the result's channels is returned: brightness, contrast and
    the luma flip act, hue and saturation do not. The alpha channel of RGBA is unchanged.

    Args:
        images: [B, H, W, C], C 1, 3 or 4.
        transform: [B, 3, 4].

    Examples:
        Twice as bright, plus a half:

        >>> double = tf.constant([[[2.0, 0, 0, 0.5], [0, 2, 0, 0.5], [0, 0, 2, 0.5]]])
        >>> recolored(tf.constant([[[[0.25]]]]), double).numpy().tolist()
        [[[[1.0]]]]
        >>> recolored(tf.constant([[[[0.0, 0.25, 0.5, 0.75]]]]), double).numpy().tolist()
        [[[[0.5, 1.0, 1.5, 0.75]]]]
    """
    channels = tf.split(images, images.shape[-1], axis=-1)
    if len(channels) == 1:
        whole = tf.reduce_mean(transform, axis=1, keepdims=True)
        transform = tf.concat([tf.reduce_sum(whole[..., :3], axis=2, keepdims=True), whole[..., 3:]], axis=2)
    *columns, offset = tf.unstack(tf.expand_dims(tf.expand_dims(transform, 1), 1), axis=-1)
    result = offset
    for channel, column in zip(channels, columns, strict=False):
        result += channel * column
    return tf.concat([result, *channels[len(columns) :]], axis=-1)


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
