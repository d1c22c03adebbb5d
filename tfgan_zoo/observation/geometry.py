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


def matrix(*rows: tuple[float | tf.Tensor, ...]) -> tf.Tensor:
    """[B, n, m] of n rows of m numbers or tensors [B], of which at least one is a tensor."""
    entries = [x for row in rows for x in row]
    zero = tf.zeros_like(next(x for x in entries if tf.is_tensor(x)))
    numbers = {x: zero + x for x in entries if not tf.is_tensor(x)}
    filled = [x if tf.is_tensor(x) else numbers[x] for x in entries]
    return tf.reshape(tf.stack(filled, axis=-1), [-1, len(rows), len(rows[0])])


def product(*matrices: tf.Tensor) -> tf.Tensor:
    """The product of matrices [B, n, n] from left to right, in the full precision of their dtype on every device."""
    return functools.reduce(
        lambda a, b: tf.reduce_sum(tf.expand_dims(a, 3) * tf.expand_dims(b, 1), axis=2),
        matrices,
    )


def linear(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    """[B, 3, 3]: x, y -> a x + b y, c x + d y."""
    return matrix((a, b, 0.0), (c, d, 0.0), (0.0, 0.0, 1.0))


def translation(shift: tf.Tensor) -> tf.Tensor:
    """[B, 3, 3]; shift: [B, 2], x and y."""
    x, y = tf.unstack(shift, axis=1)
    return matrix((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def power_of_two(exponent: tf.Tensor) -> tf.Tensor:
    """2 ** exponent, of any shape."""
    return position_independent(tf.exp, math.log(2) * exponent)


def reach(size: tuple[int, int]) -> tf.Tensor:
    """[2]: `SHIFT` of the width and of the height, in pixels."""
    return tf.constant([SHIFT * size[1], SHIFT * size[0]], tf.float32)


def blit_inverse(draws: Draws, probability: float | tf.Tensor, size: tuple[int, int], purpose: str = "") -> tf.Tensor:
    """The inverse [B, 3, 3] of a random mirroring left to right, rotation by a multiple of 90 degrees, and shift by whole pixels.

    Mirroring is one of two, the rotation one of four, and the shift uniform in [-1/8, 1/8] of each side and rounded.

    Args:
        draws: `Draws` for B examples.
        probability: of each, in [0, 1].
        size: (height, width).
        purpose: prefix of the purposes of the draws.
    """
    picks, ways, shift = tf.split(draws.uniform(f"{purpose}blit", [7]), [3, 2, 2], axis=1)
    happens = picks < probability
    ways = tf.where(happens[:, :2], tf.floor(ways * [2.0, 4.0]), 0.0)
    flip, quarters = tf.unstack(ways, axis=1)
    shift = tf.where(happens[:, 2:], tf.round((2 * shift - 1) * reach(size)), 0.0)
    odd = quarters - 2 * tf.floor(quarters / 2)  # 0, 1, 0, 1
    cosine, sine = (1 - odd) * (1 - quarters), odd * (2 - quarters)  # 1, 0, -1, 0 and 0, 1, 0, -1
    mirror = 1 - 2 * flip
    return product(linear(mirror * cosine, -mirror * sine, sine, cosine), translation(-shift))


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
    u = draws.uniform(f"{purpose}geometry", [11])
    picks, turns, normals, angles = tf.split(u, [3, 2, 4, 2], axis=1)
    happens, normals = picks < probability, normal_of(normals)
    scale, stretch = tf.unstack(power_of_two(tf.where(happens[:, :2], SCALE * normals[:, :2], 0.0)), axis=1)
    shift = tf.where(happens[:, 2:], normals[:, 2:] * reach(size), 0.0)
    once = 1 - tf.sqrt(1 - tf.convert_to_tensor(probability, tf.float32))
    angles = tf.where(turns < once, math.pi * (2 * angles - 1), 0.0)
    (c, d), (s, t) = (tf.unstack(position_independent(f, angles), axis=1) for f in (tf.cos, tf.sin))
    narrower = matrix((1 / (scale * stretch), 0.0, 0.0), (0.0, stretch / scale, 0.0), (0.0, 0.0, 1.0))
    return product(linear(c, -s, s, c), narrower, linear(d, -t, t, d), translation(-shift))


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
