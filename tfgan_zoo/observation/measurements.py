"""Lossy measurements y = f_theta(x) of images, which AmbientGAN's discriminator sees instead of the images.

Bora, Price and Dimakis 2018, ICLR, openreview.net/forum?id=Hy7fDog0b, section 4. Images are in [-1, 1] and black is -1: what the
paper sets to zero, in blocked pixels and around a patch, is black here. Each measurement is differentiable in its image, and draws
its parameter theta from `Draws` (fresh for every fake) or `SeededDraws` (for real images, by index).
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from tfgan_zoo.core.draws import Draws, SeededDraws, position_independent
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import MeasurementSettings

BLACK = -1.0
Shape = Sequence[int]


class Measurement:
    """One kind of measurement.

    Args:
        settings: the recipe's `data.measurement`.

    Examples:
        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.core.recipe_tables import MeasurementSettings
        >>> from tfgan_zoo.observation.measurements import measurement_of
        >>> measurement = measurement_of(MeasurementSettings(kind="block_pixels", probability=1), (4, 4, 1))
        >>> measured = measurement.observe(tf.ones([2, 4, 4, 1]), Draws(seed_of(0), 2))["images"]
        >>> float(tf.reduce_max(measured))  # every pixel is blocked, that is black
        -1.0
    """

    def __init__(self, settings: MeasurementSettings) -> None:
        self.settings = settings

    def check(self, image_shape: Shape) -> None:
        """Raises `ZooError` if images of `image_shape`, (H, W, C), cannot be measured so."""

    def shape(self, image_shape: Shape) -> tuple[int, ...]:
        """The shape of the measurement of an image of `image_shape`, (H, W, C)."""
        return tuple(image_shape)

    def parameters(self, draws: Draws | SeededDraws, image_shape: Shape) -> tf.Tensor:
        """theta of each example, [B, ...], from `draws`; its shape and dtype depend on the kind."""
        raise NotImplementedError

    def measure(self, images: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        """y [B, *shape], with the images' dtype, of images [B, H, W, C] in [-1, 1] and theta from `parameters`."""
        raise NotImplementedError

    def theta_size(self, image_shape: Shape) -> int:
        """How many numbers about theta the discriminator gets; 0 if it only sees y."""
        return 0

    def encoded_theta(self, theta: tf.Tensor) -> tf.Tensor:
        """theta as the discriminator gets it: float32 [B, theta_size]. Defined only if theta_size is not 0."""
        raise NotImplementedError

    def observe(self, images: tf.Tensor, draws: Draws | SeededDraws) -> dict[str, tf.Tensor]:
        """Measures each of images [B, H, W, C] with its own theta. Returns {"images": y, "theta"?: `encoded_theta`}."""
        theta = self.parameters(draws, images.shape[1:])
        measured = {"images": self.measure(images, theta)}
        if not self.theta_size(images.shape[1:]):
            return measured
        return {**measured, "theta": tf.cast(self.encoded_theta(theta), images.dtype)}


class Masked(Measurement):
    """Blackens the pixels that are not `visible`, in all channels."""

    def visible(self, theta: tf.Tensor, image_shape: Shape) -> tf.Tensor:
        """bool [B, H, W, 1]: True for pixels that are unchanged."""
        raise NotImplementedError

    def measure(self, images: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        # tf.where rather than a product, so that visible pixels keep their bits
        return tf.where(self.visible(theta, images.shape[1:]), images, tf.constant(BLACK, images.dtype))


class BlockPixels(Masked):
    """Blackens each pixel with probability p. theta: bool [B, H, W, 1], True for visible pixels."""

    def parameters(self, draws: Draws | SeededDraws, image_shape: Shape) -> tf.Tensor:
        height, width, _ = image_shape
        return draws.uniform("blocked pixels", [height, width, 1]) >= self.settings.probability

    def visible(self, theta: tf.Tensor, image_shape: Shape) -> tf.Tensor:
        return theta


class Patch(Measurement):
    """Measurements with a square of k x k pixels anywhere in the image. theta: int32 [B, 2], its first row and column."""

    def check(self, image_shape: Shape) -> None:
        if self.settings.patch > min(image_shape[:2]):
            raise ZooError(
                f"data.measurement.patch={self.settings.patch} does not fit into images of {image_shape[0]}x{image_shape[1]};"
                f" use {min(image_shape[:2])} at most."
            )

    def parameters(self, draws: Draws | SeededDraws, image_shape: Shape) -> tf.Tensor:
        positions = tf.constant([side - self.settings.patch + 1 for side in image_shape[:2]], tf.float32)
        return draws.integers("patch", positions, [2])

    def square(self, theta: tf.Tensor, image_shape: Shape) -> tf.Tensor:
        """bool [B, H, W, 1]: the pixels of the square."""
        inside = [
            (tf.range(side) >= theta[:, i, None]) & (tf.range(side) < theta[:, i, None] + self.settings.patch)
            for i, side in enumerate(image_shape[:2])
        ]
        return (inside[0][:, :, None] & inside[1][:, None, :])[..., None]


class BlockPatch(Patch, Masked):
    """Blackens the square."""

    def visible(self, theta: tf.Tensor, image_shape: Shape) -> tf.Tensor:
        return ~self.square(theta, image_shape)


class KeepPatch(Patch, Masked):
    """Blackens everything but the square."""

    def visible(self, theta: tf.Tensor, image_shape: Shape) -> tf.Tensor:
        return self.square(theta, image_shape)


class ExtractPatch(Patch):
    """Shows only the square, and not where it was: [B, k, k, C]."""

    def shape(self, image_shape: Shape) -> tuple[int, ...]:
        return (self.settings.patch, self.settings.patch, image_shape[-1])

    def measure(self, images: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        rows, columns = (theta[:, i, None] + tf.range(self.settings.patch) for i in (0, 1))
        strip = tf.gather(images, rows, axis=1, batch_dims=1)
        return tf.gather(strip, columns, axis=2, batch_dims=1)


class ConvolveNoise(Measurement):
    """A Gaussian blur, with black beyond the border, then Gaussian noise, which may leave [-1, 1].

    theta: the noise, standard normal [B, H, W, C].
    """

    def parameters(self, draws: Draws | SeededDraws, image_shape: Shape) -> tf.Tensor:
        return draws.normal("measured noise", image_shape)

    def measure(self, images: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        kernel = tf.constant(gaussian_kernel(self.settings.blur), images.dtype)
        kernel = tf.tile(kernel[:, :, None, None], [1, 1, images.shape[-1], 1])
        blurred = tf.nn.depthwise_conv2d(images - BLACK, kernel, [1, 1, 1, 1], "SAME") + BLACK
        return blurred + self.settings.noise * tf.cast(theta, images.dtype)


def gaussian_kernel(deviation: float) -> list[list[float]]:
    """K rows of K values exp(-(i^2 + j^2) / (2 deviation^2)), which sum to 1. K = 2 ceil(2 deviation) + 1: 5 for 1 pixel.

    Examples:
        >>> from tfgan_zoo.observation.measurements import gaussian_kernel
        >>> kernel = gaussian_kernel(1.0)
        >>> len(kernel), round(sum(map(sum, kernel)), 12)
        (5, 1.0)
        >>> round(kernel[2][2] / kernel[2][1], 4)  # exp(1 / 2)
        1.6487
    """
    radius = math.ceil(2 * deviation)
    line = [math.exp(-(i**2) / (2 * deviation**2)) for i in range(-radius, radius + 1)]
    return [[a * b / sum(line) ** 2 for b in line] for a in line]


class PadRotateProject(Measurement):
    """Rotates the image, with black around it, by random angles about its centre, and sums over rows: [B, L, A C].

    L is the diagonal, rounded up to the parity of the width, and A the number of angles, whose projections are stacked as channels.
    Light is measured from black and divided by the longer side: y = 2 sum (x + 1) / 2 / max(H, W) - 1, so black gives -1, a white
    column of full height 1, and a white diagonal up to 1.83. theta: angles float32 [B, A] in (-pi, pi).
    """

    def shape(self, image_shape: Shape) -> tuple[int, ...]:
        height, width, channels = image_shape
        length = math.ceil(math.hypot(height, width))
        return (length + (length - width) % 2, self.settings.angles * channels)

    def parameters(self, draws: Draws | SeededDraws, image_shape: Shape) -> tf.Tensor:
        return math.pi * (2 * draws.uniform("angles", [self.settings.angles]) - 1)

    def measure(self, images: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        height, width, _ = images.shape[1:]
        length, _ = self.shape(images.shape[1:])
        light = images - BLACK
        lines = [tf.reduce_sum(rotated(light, theta[:, i], length), 1) for i in range(self.settings.angles)]
        return tf.concat(lines, -1) / max(height, width) + BLACK


def rotated(images: tf.Tensor, angles: tf.Tensor, length: int) -> tf.Tensor:
    """Images rotated about their centres, from (row, column) = (1, 0) towards (0, 1); bilinear, zero outside.

    Args:
        images: [B, H, W, C].
        angles: [B], in radians.
        length: side of the result.

    Returns:
        [B, length, length, C], with the same centre as the images.

    Examples:
        >>> import numpy as np, tensorflow as tf
        >>> from tfgan_zoo.observation.measurements import rotated
        >>> image = tf.constant([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None]
        >>> np.rint(rotated(image, tf.constant([np.pi], tf.float32), 2)[0, :, :, 0]).tolist()
        [[4.0, 3.0], [2.0, 1.0]]
    """
    height, width, channels = images.shape[1:]
    cos, sin = (tf.cast(position_independent(f, angles), images.dtype)[:, None, None] for f in (tf.cos, tf.sin))
    around = tf.range(length, dtype=images.dtype) - (length - 1) / 2
    y, x = around[:, None], around[None, :]
    row = cos * y - sin * x + (height - 1) / 2
    column = sin * y + cos * x + (width - 1) / 2
    top, left = tf.floor(row), tf.floor(column)
    flat = tf.reshape(images, [-1, height * width, channels])
    result = 0.0
    for i, weight_i in ((top, 1 - (row - top)), (top + 1, row - top)):
        for j, weight_j in ((left, 1 - (column - left)), (left + 1, column - left)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            index = tf.where(inside, i * width + j, 0)
            pixels = tf.gather(flat, tf.cast(tf.reshape(index, [-1, length**2]), tf.int32), axis=1, batch_dims=1)
            weight = tf.where(inside, weight_i * weight_j, 0)
            result += tf.reshape(weight, [-1, length**2, 1]) * pixels
    return tf.reshape(result, [-1, length, length, channels])


class PadRotateProjectTheta(PadRotateProject):
    """The same, and the discriminator gets the cosine and the sine of each angle, which are continuous at pi."""

    def theta_size(self, image_shape: Shape) -> int:
        return 2 * self.settings.angles

    def encoded_theta(self, theta: tf.Tensor) -> tf.Tensor:
        return tf.concat([position_independent(tf.cos, theta), position_independent(tf.sin, theta)], -1)


class GaussianProjection(Measurement):
    """One number, <theta, x + 1> / sqrt(H W C), [B, 1]. The discriminator also gets theta, standard normal [B, H W C]."""

    def shape(self, image_shape: Shape) -> tuple[int, ...]:
        return (1,)

    def parameters(self, draws: Draws | SeededDraws, image_shape: Shape) -> tf.Tensor:
        return draws.normal("projection", [math.prod(image_shape)])

    def measure(self, images: tf.Tensor, theta: tf.Tensor) -> tf.Tensor:
        size = math.prod(images.shape[1:])
        light = tf.reshape(images - BLACK, [-1, size])
        return tf.reduce_sum(light * tf.cast(theta, images.dtype), 1, keepdims=True) / size**0.5

    def theta_size(self, image_shape: Shape) -> int:
        return math.prod(image_shape)

    def encoded_theta(self, theta: tf.Tensor) -> tf.Tensor:
        return theta


KINDS: dict[str, type[Measurement]] = {
    "block_pixels": BlockPixels,
    "convolve_noise": ConvolveNoise,
    "block_patch": BlockPatch,
    "keep_patch": KeepPatch,
    "extract_patch": ExtractPatch,
    "pad_rotate_project": PadRotateProject,
    "pad_rotate_project_theta": PadRotateProjectTheta,
    "gaussian_projection": GaussianProjection,
}


def draws_of(settings: MeasurementSettings, numbers: tf.Tensor) -> SeededDraws:
    """`SeededDraws` for the real images with these indices, int64 [B] below 2^31: the same on every visit.

    Examples:
        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.recipe_tables import MeasurementSettings
        >>> from tfgan_zoo.observation.measurements import draws_of
        >>> together = draws_of(MeasurementSettings(), tf.constant([3, 4], tf.int64)).uniform("x")
        >>> alone = draws_of(MeasurementSettings(), tf.constant([4], tf.int64)).uniform("x")
        >>> bool(together[1] == alone[0])
        True
    """
    return SeededDraws(numbers + settings.seed * 2**31)  # the seed in the upper 31 of 62 bits, the index in the lower


def measurement_of(settings: MeasurementSettings, image_shape: Shape) -> Measurement | None:
    """The `Measurement` of the recipe's `data.measurement`; None for the kind "none".

    Raises:
        ZooError: images of `image_shape` cannot be measured so.

    Examples:
        >>> from tfgan_zoo.core.recipe_tables import MeasurementSettings
        >>> from tfgan_zoo.observation.measurements import measurement_of
        >>> measurement_of(MeasurementSettings(kind="extract_patch", patch=8), (32, 32, 3)).shape((32, 32, 3))
        (8, 8, 3)
        >>> measurement_of(MeasurementSettings(), (32, 32, 3)) is None
        True
    """
    if settings.kind not in KINDS:
        return None
    if len(image_shape) != 3:
        raise ZooError(
            f"data.measurement.kind={settings.kind} measures images, but the data has shape {list(image_shape)}; leave it out."
        )
    measurement = KINDS[settings.kind](settings)
    measurement.check(image_shape)
    return measurement
