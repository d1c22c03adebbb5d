"""Images under an affine transform each: resampled between filters, or copied pixel by pixel.

Karras et al. 2020, arXiv:2006.06676, appendix B, with the alignment of the authors' code: the image is mirrored at its edges,
upsampled by 2 through a wavelet's low-pass filter, sampled bilinearly on that finer grid, and downsampled by 2 through the same
filter reversed. The filter is orthogonal to its even shifts, so the identity, and a shift by whole pixels, change nothing.

Everything is linear in the images and of static shape, so it compiles with XLA and has derivatives of every order. The mirrored
image goes on without end: it has a period of 2 (n - 1) pixels, of which the finer grid holds exactly one, and coordinates are taken
modulo the period. The authors' code extends an image by at most n - 1 pixels and is 0 beyond; the two agree except in images that
are shrunk so far that the extension ends.

On a TPU, and on a GPU in TensorFloat-32, the products with the filters' matrices are rounded like those of any dense layer;
coordinates are not.
"""

import functools

import numpy as np
import tensorflow as tf

# The low-pass filter of the least asymmetric of Daubechies' wavelets with six vanishing moments, to 12 digits.
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
REACH = len(SYM6) // 2 - 1  # pixel k is at 2 k on the finer grid, and its filter begins at 2 k - REACH


def mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Indices of any integers in an image of `size` pixels that is mirrored at its first and its last one, without repeating them.

    Examples:
        >>> mirrored(np.arange(-3, 7), 4).tolist()
        [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    """
    period = max(2 * (size - 1), 1)
    index = index % period
    return np.minimum(index, period - index) if size > 1 else index


@functools.lru_cache(maxsize=64)
def upsampling_matrix(size: int) -> np.ndarray:
    """float64 [2 period + 2, size], period = 2 (size - 1): one period of the mirrored line on the finer grid, and the first
    two values once more, so that what follows a sample is always the next one."""
    period = max(2 * (size - 1), 1)
    matrix = np.zeros([2 * period, size])
    pixels = np.arange(-REACH - 1, period + REACH + 1)
    for tap, weight in enumerate(SYM6):
        at = 2 * pixels + tap - REACH
        inside = (at >= 0) & (at < 2 * period)
        np.add.at(matrix, (at[inside], mirrored(pixels[inside], size)), 2**0.5 * weight)
    return np.concatenate([matrix, matrix[:2]])


@functools.lru_cache(maxsize=64)
def downsampling_matrix(size: int) -> np.ndarray:
    """float64 [size, 2 size + 10]: pixels from the samples at -5, -4, ... of the finer grid."""
    matrix = np.zeros([size, 2 * size + len(SYM6) - 2])
    for pixel in range(size):
        matrix[pixel, 2 * pixel : 2 * pixel + len(SYM6)] = SYM6
    return matrix / 2**0.5


def along_height(images: tf.Tensor, matrix: np.ndarray) -> tf.Tensor:
    """images [B, H, W, C] times a matrix [R, H] along the height: [B, R, W, C]."""
    _, height, width, channels = images.shape
    x = tf.matmul(tf.constant(matrix, images.dtype), tf.reshape(images, [-1, height, width * channels]))
    return tf.reshape(x, [-1, len(matrix), width, channels])


def transposed(images: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] -> [B, W, H, C]"""
    return tf.transpose(images, [0, 2, 1, 3])


def upsampled(images: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] -> [B, 4 (H - 1) + 2, 4 (W - 1) + 2, C]: see `upsampling_matrix`."""
    height, width = images.shape[1:3]
    x = along_height(transposed(images), upsampling_matrix(width))  # tall products are faster than many small ones
    return along_height(transposed(x), upsampling_matrix(height))


def downsampled(samples: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """[B, 2 H + 10, 2 W + 10, C] -> [B, H, W, C]: see `downsampling_matrix`."""
    x = along_height(samples, downsampling_matrix(height))
    return transposed(along_height(transposed(x), downsampling_matrix(width)))


def sources(inverse: tf.Tensor, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> tuple[tf.Tensor, ...]:
    """Where pixels come from.

    Args:
        inverse: [B, 3, 3], from (x, y, 1) of the output to that of the input, in pixels from the centre of the image.
        rows, columns: [R] and [S], in pixels from the first one of the output.
        size: (height, width) of the images.

    Returns:
        (rows, columns) of the input, each [B, R, S], in pixels from its first one.
    """
    middle = [(side - 1) / 2 for side in size]
    y = tf.constant(rows - middle[0], inverse.dtype)[None, :, None]
    x = tf.constant(columns - middle[1], inverse.dtype)[None, None, :]
    m = tf.unstack(tf.reshape(inverse, [-1, 9, 1, 1]), axis=1)
    return m[3] * x + (m[4] * y + (m[5] + middle[0])), m[0] * x + (m[1] * y + (m[2] + middle[1]))


def taken(images: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """The pixels of images [B, H, W, C] at index int32 [B, ...] in 0 to H W - 1: [B, ..., C]."""
    batch, height, width, channels = images.shape
    first = tf.reshape(tf.range(batch) * (height * width), [-1] + [1] * (len(index.shape) - 1))
    return tf.gather(tf.reshape(images, [-1, channels]), first + index)


def wrapped(position: tf.Tensor, period: int) -> tf.Tensor:
    """Any positions modulo the period, in [0, period]: rounding may give the period itself."""
    return position - period * tf.floor(position / period)


def resampled(images: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """Each image under its affine transform, between the filters.

    Args:
        images: [B, H, W, C] of static shape, float32 or float64.
        inverse: [B, 3, 3], from (x, y, 1) of the output to that of the input, in pixels from the centre of the image.

    Returns:
        [B, H, W, C].

    Examples:
        The identity, and a shift to the right by a pixel, with the column beside the first in its place:

        >>> images = tf.reshape(tf.range(1.0, 17.0), [1, 4, 4, 1])
        >>> bool(tf.reduce_max(tf.abs(resampled(images, tf.eye(3)[None]) - images)) < 1e-5)
        True
        >>> shift = tf.constant([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
        >>> resampled(images, shift)[0, 0, :, 0].numpy().round(4).tolist()
        [2.0, 1.0, 2.0, 3.0]
    """
    _, height, width, _ = images.shape
    fine = upsampled(images)
    rows, columns = (np.arange(-REACH, 2 * side + REACH) / 2 for side in (height, width))
    y, x = (2 * position for position in sources(inverse, rows, columns, (height, width)))
    y, x = wrapped(y, fine.shape[1] - 2), wrapped(x, fine.shape[2] - 2)
    top, left = tf.floor(y), tf.floor(x)
    down, right = y - top, x - left
    corner = tf.cast(top, tf.int32) * fine.shape[2] + tf.cast(left, tf.int32)
    corners = tf.stack([corner, corner + 1, corner + fine.shape[2], corner + fine.shape[2] + 1], axis=1)
    weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    sampled = tf.reduce_sum(tf.stack(weights, axis=1)[..., None] * taken(fine, corners), axis=1)
    return downsampled(sampled, height, width)


def copied(images: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """Each image under a transform that takes pixels to pixels; those from beyond its edges come from the mirrored image.

    Args:
        images: [B, H, W, C] of static shape, any dtype.
        inverse: [B, 3, 3] as in `resampled`.

    Examples:
        >>> images = tf.reshape(tf.range(4.0), [1, 1, 4, 1])
        >>> flip = tf.linalg.diag([[-1.0, 1.0, 1.0]])
        >>> copied(images, flip)[0, 0, :, 0].numpy().tolist()
        [3.0, 2.0, 1.0, 0.0]
    """
    _, height, width, _ = images.shape
    positions = sources(inverse, np.arange(height), np.arange(width), (height, width))
    index = []
    for position, side in zip(positions, (height, width), strict=True):
        period = max(2 * (side - 1), 1)
        at = tf.math.floormod(tf.cast(tf.round(position), tf.int32), period)
        index.append(tf.minimum(at, period - at) if side > 1 else at)
    return taken(images, index[0] * width + index[1])
