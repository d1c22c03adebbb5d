"""Lossy measurements y = f_theta(x) of images: what AmbientGAN's discriminator sees in their place.

Bora, Price and Dimakis 2018, ICLR, openreview.net/forum?id=Hy7fDog0b, section 4. Images are in [-1, 1] and black is -1: what the
paper calls zero, in blocked pixels and around a patch, is black here. Each measurement is differentiable in its image, and draws
its parameter theta by `Draws` (fresh ones for fakes) or `SeededDraws` (for real images, by their numbers).
"""

import math

import tensorflow as tf

from tfgan_zoo.core.draws import SeededDraws, position_independent
from tfgan_zoo.core.errors import ZooError

BLACK = -1.0


class Measurement:
    """One kind of measurement. `settings` is the recipe's `data.measurement`."""

    def __init__(self, settings):
        self.settings = settings

    def check(self, image_shape):
        """Raises `ZooError` where images of `image_shape`, (H, W, C), cannot be so measured."""

    def shape(self, image_shape):
        """The shape of what is measured of an image of `image_shape`, (H, W, C)."""
        return tuple(image_shape)

    def parameters(self, draws, image_shape):
        """theta of each example, [B, ...], by `draws`; its shape and dtype are the kind's own."""
        raise NotImplementedError

    def measure(self, images, theta):
        """images [B, H, W, C] in [-1, 1], theta from `parameters`. Returns y [B, *shape], of the images' dtype."""
        raise NotImplementedError

    def theta_size(self, image_shape):
        """How many numbers the discriminator is told of theta; 0 where it only sees y."""
        return 0

    def told(self, theta):
        """theta as the discriminator is told it: float32 [B, theta_size]. Only where theta_size is not 0."""
        raise NotImplementedError

    def observe(self, images, draws):
        """Measures each of images [B, H, W, C] by a theta of its own. Returns {"images": y, "theta"?: `told`}."""
        theta = self.parameters(draws, images.shape[1:])
        seen = {"images": self.measure(images, theta)}
        if not self.theta_size(images.shape[1:]):
            return seen
        return {**seen, "theta": tf.cast(self.told(theta), images.dtype)}


class Masked(Measurement):
    """Keeps some pixels and blackens the rest, in all channels. theta is whatever `kept` reads."""

    def kept(self, theta, image_shape):
        """bool [B, H, W, 1]: the pixels that are seen as they are."""
        raise NotImplementedError

    def measure(self, images, theta):
        # a choice, no product, so that what is kept is kept bit for bit
        return tf.where(self.kept(theta, images.shape[1:]), images, tf.constant(BLACK, images.dtype))


class BlockPixels(Masked):
    """Each pixel is black with the probability p. theta: bool [B, H, W, 1], True where it is seen."""

    def parameters(self, draws, image_shape):
        height, width, _ = image_shape
        return draws.uniform("blocked pixels", [height, width, 1]) >= self.settings.probability

    def kept(self, theta, image_shape):
        return theta


class Patch(Measurement):
    """Has to do with a square of k x k pixels anywhere in the image. theta: int32 [B, 2], its first row and column."""

    def check(self, image_shape):
        if self.settings.patch > min(image_shape[:2]):
            raise ZooError(
                f"data.measurement.patch={self.settings.patch} does not fit into images of {image_shape[0]}x{image_shape[1]};"
                f" use {min(image_shape[:2])} at most."
            )

    def parameters(self, draws, image_shape):
        places = tf.constant([side - self.settings.patch + 1 for side in image_shape[:2]], tf.float32)
        return draws.integers("patch", places, [2])

    def within(self, theta, image_shape):
        """bool [B, H, W, 1]: the pixels of the square."""
        inside = [
            (tf.range(side) >= theta[:, i, None]) & (tf.range(side) < theta[:, i, None] + self.settings.patch)
            for i, side in enumerate(image_shape[:2])
        ]
        return (inside[0][:, :, None] & inside[1][:, None, :])[..., None]


class BlockPatch(Patch, Masked):
    """The square is black."""

    def kept(self, theta, image_shape):
        return ~self.within(theta, image_shape)


class KeepPatch(Patch, Masked):
    """All but the square is black."""

    def kept(self, theta, image_shape):
        return self.within(theta, image_shape)


class ExtractPatch(Patch):
    """Only the square is seen, and not where it was: [B, k, k, C]."""

    def shape(self, image_shape):
        return (self.settings.patch, self.settings.patch, image_shape[-1])

    def measure(self, images, theta):
        rows, columns = (theta[:, i, None] + tf.range(self.settings.patch) for i in (0, 1))
        strip = tf.gather(images, rows, axis=1, batch_dims=1)
        return tf.gather(strip, columns, axis=2, batch_dims=1)


class ConvolveNoise(Measurement):
    """A Gaussian blur, beyond the border black, then Gaussian noise, which may leave [-1, 1]. theta: the noise
    [B, H, W, C], standard normal."""

    def parameters(self, draws, image_shape):
        return draws.normal("measured noise", image_shape)

    def measure(self, images, theta):
        kernel = tf.constant(gaussian_kernel(self.settings.blur), images.dtype)
        kernel = tf.tile(kernel[:, :, None, None], [1, 1, images.shape[-1], 1])
        blurred = tf.nn.depthwise_conv2d(images - BLACK, kernel, [1, 1, 1, 1], "SAME") + BLACK
        return blurred + self.settings.noise * tf.cast(theta, images.dtype)


def gaussian_kernel(deviation):
    """Rows [K][K] of exp(-(i^2 + j^2) / (2 deviation^2)) that sum to 1; K is 2 ceil(2 deviation) + 1, so 5 for 1 pixel."""
    radius = math.ceil(2 * deviation)
    line = [math.exp(-(i**2) / (2 * deviation**2)) for i in range(-radius, radius + 1)]
    return [[a * b / sum(line) ** 2 for b in line] for a in line]


class PadRotateProject(Measurement):
    """The image, black around it, is turned by random angles about its centre and summed over its rows: [B, L, A C].

    L is the diagonal, rounded up to the parity of the width, A the number of angles, whose lines lie side by side as channels. Light
    is counted from black and divided by the longer side: y = 2 sum (x + 1) / 2 / max(H, W) - 1, so that black gives -1, a white
    column of full height 1, and a white diagonal up to 1.83. theta: angles float32 [B, A] in (-pi, pi).
    """

    def shape(self, image_shape):
        height, width, channels = image_shape
        length = math.ceil(math.hypot(height, width))
        return (length + (length - width) % 2, self.settings.angles * channels)

    def parameters(self, draws, image_shape):
        return math.pi * (2 * draws.uniform("angles", [self.settings.angles]) - 1)

    def measure(self, images, theta):
        height, width, _ = images.shape[1:]
        length, _ = self.shape(images.shape[1:])
        light = images - BLACK
        lines = [tf.reduce_sum(rotated(light, theta[:, i], length), 1) for i in range(self.settings.angles)]
        return tf.concat(lines, -1) / max(height, width) + BLACK


def rotated(images, angles, length):
    """images [B, H, W, C] turned about their centres by angles [B], radians, from (row, column) = (1, 0) towards (0, 1).

    Bilinear, zero outside. Returns [B, length, length, C], whose centre is the images' centre.
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
            there = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            place = tf.where(there, i * width + j, 0)
            found = tf.gather(flat, tf.cast(tf.reshape(place, [-1, length**2]), tf.int32), axis=1, batch_dims=1)
            weight = tf.where(there, weight_i * weight_j, 0)
            result += tf.reshape(weight, [-1, length**2, 1]) * found
    return tf.reshape(result, [-1, length, length, channels])


class PadRotateProjectTheta(PadRotateProject):
    """The same, and the discriminator is told the angles, each as its cosine and its sine, which have no seam at pi."""

    def theta_size(self, image_shape):
        return 2 * self.settings.angles

    def told(self, theta):
        return tf.concat([position_independent(tf.cos, theta), position_independent(tf.sin, theta)], -1)


class GaussianProjection(Measurement):
    """One number, <theta, x + 1> / sqrt(H W C), [B, 1], and the discriminator is told theta, standard normal [B, H W C]."""

    def shape(self, image_shape):
        return (1,)

    def parameters(self, draws, image_shape):
        return draws.normal("projection", [math.prod(image_shape)])

    def measure(self, images, theta):
        size = math.prod(images.shape[1:])
        light = tf.reshape(images - BLACK, [-1, size])
        return tf.reduce_sum(light * tf.cast(theta, images.dtype), 1, keepdims=True) / size**0.5

    def theta_size(self, image_shape):
        return math.prod(image_shape)

    def told(self, theta):
        return theta


KINDS = {
    "block_pixels": BlockPixels,
    "convolve_noise": ConvolveNoise,
    "block_patch": BlockPatch,
    "keep_patch": KeepPatch,
    "extract_patch": ExtractPatch,
    "pad_rotate_project": PadRotateProject,
    "pad_rotate_project_theta": PadRotateProjectTheta,
    "gaussian_projection": GaussianProjection,
}


def draws_of(settings, numbers):
    """`SeededDraws` for the real images with these numbers, int64 [B] below 2^31: the same whenever they come."""
    return SeededDraws(numbers + settings.seed * 2**31)  # one of the two in each half of the 62 bits


def measurement_of(settings, image_shape):
    """The `Measurement` that the recipe's `data.measurement` asks for, None for the kind "none".

    Raises:
        ZooError: images of `image_shape` cannot be so measured.
    """
    if settings.kind not in KINDS:
        return None
    if len(image_shape) != 3:
        raise ZooError(
            f"data.measurement.kind={settings.kind} measures images, and the data has shape {list(image_shape)}; leave it out."
        )
    measurement = KINDS[settings.kind](settings)
    measurement.check(image_shape)
    return measurement
