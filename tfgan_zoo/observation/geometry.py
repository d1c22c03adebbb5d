"""Random geometric transforms of images: pixel blitting, and general ones. Karras et al. 2020, arXiv:2006.06676, appendix B.

Every transform of an image is drawn by itself and happens with the probability that is asked for; all that happen are multiplied
to one matrix, and the image is resampled once. See `affine_resampling`.
"""

import functools
import math

import tensorflow as tf

from tfgan_zoo.core.draws import Draws, normal_of, position_independent
from tfgan_zoo.observation.affine_resampling import copied, resampled

SHIFT = 1 / 8  # of the side: the largest shift by whole pixels, and the standard deviation of the others
SCALE = 0.2  # standard deviation of the logarithm to base 2 of the scales


def chosen(uniform: tf.Tensor, probability: float | tf.Tensor, value: tf.Tensor, neutral: float) -> tf.Tensor:
    """`value` where `uniform` is below the probability, and elsewhere `neutral`, which changes nothing: [B]."""
    return tf.where(uniform < probability, value, tf.constant(neutral, value.dtype))


def matrix(*rows: tuple[float | tf.Tensor, ...]) -> tf.Tensor:
    """[B, n, m] of n rows of m numbers or tensors [B], of which at least one is a tensor."""
    entries = [x for row in rows for x in row]
    zero = tf.zeros_like(next(x for x in entries if tf.is_tensor(x)))
    numbers = {x: zero + x for x in entries if not tf.is_tensor(x)}
    filled = [x if tf.is_tensor(x) else numbers[x] for x in entries]
    return tf.reshape(tf.stack(filled, axis=-1), [-1, len(rows), len(rows[0])])


def product(*matrices: tf.Tensor) -> tf.Tensor:
    """The product of matrices [B, n, n] from left to right, in the full precision of their dtype on every device."""
    return functools.reduce(lambda a, b: tf.reduce_sum(a[:, :, :, None] * b[:, None, :, :], axis=2), matrices)


def scaling(x: float | tf.Tensor, y: float | tf.Tensor) -> tf.Tensor:
    """[B, 3, 3]"""
    return matrix((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0))


def turning(cosine: tf.Tensor, sine: tf.Tensor) -> tf.Tensor:
    """[B, 3, 3]: a rotation by the angle of this cosine and sine."""
    return matrix((cosine, -sine, 0.0), (sine, cosine, 0.0), (0.0, 0.0, 1.0))


def rotation(angle: tf.Tensor) -> tf.Tensor:
    """[B, 3, 3]; angle: [B]."""
    return turning(position_independent(tf.cos, angle), position_independent(tf.sin, angle))


def translation(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """[B, 3, 3]"""
    return matrix((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def power_of_two(exponent: tf.Tensor) -> tf.Tensor:
    """2 ** exponent, [B]."""
    return position_independent(tf.exp, math.log(2) * exponent)


def blit_inverse(draws: Draws, probability: float | tf.Tensor, size: tuple[int, int], purpose: str = "") -> tf.Tensor:
    """The inverse [B, 3, 3] of a random mirroring left to right, rotation by a multiple of 90 degrees, and shift by whole pixels.

    Mirroring is one of two, the rotation one of four, and the shift uniform in [-1/8, 1/8] of each side and rounded.

    Args:
        draws: `Draws` for B examples.
        probability: of each, in [0, 1].
        size: (height, width).
        purpose: prefix of the purposes of the draws.
    """
    u = tf.unstack(draws.uniform(f"{purpose}blit", [7]), axis=1)
    flip = chosen(u[0], probability, tf.floor(2 * u[1]), 0.0)
    quarters = chosen(u[2], probability, tf.floor(4 * u[3]), 0.0)
    right, down = (
        chosen(u[4], probability, tf.round((2 * v - 1) * SHIFT * side), 0.0)
        for v, side in ((u[5], size[1]), (u[6], size[0]))
    )
    odd = quarters - 2 * tf.floor(quarters / 2)  # 0, 1, 0, 1
    cosine, sine = (1 - odd) * (1 - quarters), odd * (2 - quarters)  # 1, 0, -1, 0 and 0, 1, 0, -1
    return product(scaling(1 - 2 * flip, 1.0), turning(cosine, sine), translation(-right, -down))


def geometry_inverse(
    draws: Draws, probability: float | tf.Tensor, size: tuple[int, int], purpose: str = ""
) -> tf.Tensor:
    """The inverse [B, 3, 3] of a random scale, rotation, stretch, second rotation and shift, in this order.

    The scale is 2^N(0, 0.2^2); the stretch multiplies the width by 2^N(0, 0.2^2) and divides the height by the same; angles are
    uniform; the shift is normal, with 1/8 of each side as its standard deviation. Each rotation has the probability
    1 - sqrt(1 - p), so that p is that of at least one.

    Args:
        draws: `Draws` for B examples.
        probability: p of each, in [0, 1].
        size: (height, width).
        purpose: prefix of the purposes of the draws.
    """
    u = tf.unstack(draws.uniform(f"{purpose}geometry", [11]), axis=1)
    once = 1 - tf.sqrt(1 - tf.convert_to_tensor(probability, tf.float32))
    scale, stretch = (
        power_of_two(chosen(pick, probability, SCALE * normal_of(v), 0.0)) for pick, v in ((u[0], u[1]), (u[2], u[3]))
    )
    before, after = (
        rotation(chosen(pick, once, math.pi * (2 * v - 1), 0.0)) for pick, v in ((u[4], u[5]), (u[6], u[7]))
    )
    right, down = (
        chosen(u[8], probability, SHIFT * side * normal_of(v), 0.0) for v, side in ((u[9], size[1]), (u[10], size[0]))
    )
    return product(
        scaling(1 / scale, 1 / scale), before, scaling(1 / stretch, stretch), after, translation(-right, -down)
    )


def transformed(
    images: tf.Tensor, draws: Draws, probability: float | tf.Tensor, purpose: str = "", *, blit: bool, geometry: bool
) -> tf.Tensor:
    """Images under the random transforms of `blit_inverse`, of `geometry_inverse`, or of both in one resampling.

    Blitting alone copies pixels as they are, unless one side is odd and the other even: their centres differ by half a
    pixel, and images turned by 90 degrees are resampled.

    Args:
        images: [B, H, W, C] of static shape.
        draws: `Draws` for B examples.
        probability: of each transform, in [0, 1]: a number or a scalar.
        purpose: prefix of the purposes of the draws.
        blit, geometry: which transforms; at least one.

    Returns:
        [B, H, W, C], computed in float32 or float64 and returned in the dtype of the images.

    Examples:
        With probability 0, nothing happens:

        >>> from tfgan_zoo.core.draws import seed_of
        >>> images, draws = tf.random.stateless_uniform([2, 8, 6, 3], [0, 0]), Draws(seed_of(0), 2)
        >>> same = transformed(images, draws, 0.0, blit=True, geometry=True)
        >>> bool(tf.reduce_max(tf.abs(same - images)) < 1e-5)
        True
    """
    height, width = images.shape[1:3]
    inverses = [
        of(draws, probability, (height, width), purpose)
        for of, on in ((blit_inverse, blit), (geometry_inverse, geometry))
        if on
    ]
    inverse = product(*inverses)
    if not geometry and (height - width) % 2 == 0:
        return copied(images, inverse)
    dtype = tf.float64 if images.dtype == tf.float64 else tf.float32
    return tf.cast(resampled(tf.cast(images, dtype), tf.cast(inverse, dtype)), images.dtype)
