"""Differentiable augmentation of real and fake images alike, before the discriminator sees them, to train on few images.

DiffAugment: Zhao et al. 2020, arXiv:2006.10738, section 3, with the numbers of its code. Images are in [-1, 1], and what a shift
or a cutout leaves empty is 0, mid-grey. Colours may leave [-1, 1], as in the authors' code. Each function is differentiable in its
images and draws its parameters per example from `Draws`, for purposes that begin with `purpose`.

ADA: Karras et al. 2020, arXiv:2006.06676. Its transforms are in `geometry` and `color_matrix`, and what sets their probability is
in `augmentation_feedback`.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfgan_zoo.core.batch_images import left_to_right, rows_where
from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.observation.color_matrix import CHANNELS, color_matrix
from tfgan_zoo.observation.geometry import transformed

SHIFT, CUT = 1 / 8, 1 / 2  # of the side: the largest shift, and the side of the square that is cut out
AUGMENTED = ("images", "labelled_images")  # the images in a batch that a discriminator sees


def shaped(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """values [B] as [B, 1, 1, 1], with the images' dtype."""
    return tf.cast(values, images.dtype)[:, None, None, None]


def color(images: tf.Tensor, draws: Draws, purpose: str = "") -> tf.Tensor:
    """Random brightness, saturation and contrast, in this order.

    Brightness adds b in (-1/2, 1/2); saturation multiplies the distance from the mean over channels by s in (0, 2); contrast
    multiplies the distance from the mean over the image by c in (1/2, 3/2).

    Args:
        images: [B, H, W, C].
        draws: `Draws` for B examples.
        purpose: prefix of the purposes of the draws.

    Returns:
        [B, H, W, C].

    Examples:
        Each example is shifted by its own brightness; gray images of one value have no saturation or contrast to change:

        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.observation.augmentation import color
        >>> draws = Draws(seed_of(0), 2)
        >>> shifted = color(tf.zeros([2, 4, 4, 1]), draws)[:, 0, 0, 0]
        >>> bool(tf.reduce_all(tf.abs(shifted - (draws.uniform("brightness") - 0.5)) < 1e-6))
        True
    """
    images += shaped(draws.uniform(f"{purpose}brightness") - 0.5, images)
    mean = tf.reduce_mean(images, axis=3, keepdims=True)
    images = mean + shaped(2 * draws.uniform(f"{purpose}saturation"), images) * (images - mean)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return mean + shaped(draws.uniform(f"{purpose}contrast") + 0.5, images) * (images - mean)


def translation(images: tf.Tensor, draws: Draws, purpose: str = "") -> tf.Tensor:
    """Shifts by integer numbers of rows and columns in [-r, r], r = round(side / 8), filling with 0.

    Args:
        images: [B, H, W, C].
        draws: `Draws` for B examples.
        purpose: prefix of the purposes of the draws.

    Returns:
        [B, H, W, C].

    Examples:
        A white pixel in the centre of 16 x 16 moves by at most 2 rows and 2 columns:

        >>> import numpy as np
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.observation.augmentation import translation
        >>> images = np.zeros([50, 16, 16, 1], np.float32)
        >>> images[:, 8, 8] = 1
        >>> _, rows, columns, _ = np.nonzero(translation(images, Draws(seed_of(0), 50)).numpy())
        >>> np.unique(rows).tolist(), np.unique(columns).tolist()
        ([6, 7, 8, 9, 10], [6, 7, 8, 9, 10])
    """
    for axis in (1, 2):
        side = images.shape[axis]
        reach = int(side * SHIFT + 0.5)
        shift = draws.integers(f"{purpose}shift {axis}", 2 * reach + 1) - reach
        source = tf.range(side)[None] + shift[:, None]
        inside = (source >= 0) & (source < side)
        images = tf.gather(images, tf.clip_by_value(source, 0, side - 1), axis=axis, batch_dims=1)
        inside = inside[:, :, None, None] if axis == 1 else inside[:, None, :, None]
        images = tf.where(inside, images, tf.zeros([], images.dtype))
    return images


def moved(images: tf.Tensor, draws: Draws, purpose: str = "", mirror: bool = False) -> tf.Tensor:
    """`translation`, and, with `mirror`, one of two images mirrored left to right: what should not matter to a discriminator in
    consistency regularisation (Zhao et al. 2020, arXiv:2002.04724, section 4).

    Args:
        images: [B, H, W, C].
        draws: `Draws` for B examples.
        purpose: prefix of the purposes of the draws.
        mirror: for data that may be mirrored.

    Returns:
        [B, H, W, C].

    Examples:
        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.observation.augmentation import moved
        >>> ramp = tf.tile(tf.range(1.0, 9)[None, None, :, None], [50, 8, 1, 1])
        >>> rising = moved(ramp, Draws(seed_of(0), 50), mirror=True)[:, 4, 4, 0] > moved(ramp, Draws(seed_of(0), 50), mirror=True)[:, 4, 3, 0]
        >>> 10 < int(tf.reduce_sum(tf.cast(rising, tf.int32))) < 40
        True
    """
    if mirror:
        images = rows_where(draws.uniform(f"{purpose}mirror") < 0.5, left_to_right(images), images)
    return translation(images, draws, purpose)


def cutout(images: tf.Tensor, draws: Draws, purpose: str = "") -> tf.Tensor:
    """Sets a rectangle of round(H / 2) x round(W / 2) pixels to 0, centred anywhere in the image, so it may extend beyond it.

    Args:
        images: [B, H, W, C].
        draws: `Draws` for B examples.
        purpose: prefix of the purposes of the draws.

    Returns:
        [B, H, W, C].

    Examples:
        Of 8 x 8 pixels between 2 x 2 (at a corner) and 4 x 4 (inside) are cut out:

        >>> import tensorflow as tf
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.observation.augmentation import cutout
        >>> images = cutout(tf.ones([500, 8, 8, 1]), Draws(seed_of(0), 500))
        >>> cut = 64 - tf.reduce_sum(images, axis=[1, 2, 3])
        >>> float(tf.reduce_min(cut)), float(tf.reduce_max(cut))
        (4.0, 16.0)
    """
    inside = []
    for axis in (1, 2):
        side = images.shape[axis]
        size = int(side * CUT + 0.5)
        first = draws.integers(f"{purpose}cut {axis}", side + 1 - size % 2) - size // 2
        inside.append((tf.range(side) >= first[:, None]) & (tf.range(side) < first[:, None] + size))
    cut = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    return tf.where(cut, tf.zeros([], images.dtype), images)


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}  # each as a whole with the probability
SPATIAL = ("blit", "geometry")  # each of their parts with the probability, and both in one resampling


def sometimes(
    function: Callable, images: tf.Tensor, draws: Draws, probability: float | tf.Tensor, purpose: str
) -> tf.Tensor:
    """Applies one of `AUGMENTATIONS` to each image with the probability, and leaves the other images unchanged."""
    augmented = function(images, draws, purpose)
    if not tf.is_tensor(probability) and probability == 1:
        return augmented
    chosen = draws.uniform(f"{purpose}{function.__name__} chosen") < probability
    return rows_where(chosen, augmented, images)


def transforms_of(names: Iterable[str]) -> list[Callable]:
    """Functions (images, draws, probability, purpose) -> images, in the order of `names`; "blit" and "geometry" are one, in the
    place of the first of them."""
    names, transforms = list(names), []
    spatial = {name: name in names for name in SPATIAL}
    for name in names:
        if name == "color_matrix":
            transforms.append(color_matrix)
        elif name not in SPATIAL:
            transforms.append(functools.partial(sometimes, AUGMENTATIONS[name]))
        elif any(spatial.values()):
            transforms.append(functools.partial(transformed, blit=spatial["blit"], geometry=spatial["geometry"]))
            spatial = dict.fromkeys(SPATIAL, False)
    return transforms


def draws_for(draws: Draws, count: int) -> Draws:
    """`Draws` for `count` examples per share, from `draws` for another number of them.

    In a generator's turn there may be more fakes than reals.

    Examples:
        Share 2 of 4 shares of 5 fakes, when each share has 3 reals: reals 6 to 8 of 12.

        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.observation.augmentation import draws_for
        >>> share = draws_for(Draws(seed_of(0), 20, 10, 5), 3)
        >>> share.total, share.first, share.count
        (12, 6, 3)
    """
    if count == draws.count:
        return draws
    shares = draws.total // draws.count
    return Draws(draws.seed, shares * count, draws.first // draws.count * count, count)


class Augmentation:
    """Augments the images of a batch.

    Args:
        names: keys of `AUGMENTATIONS`, "blit", "geometry" and "color_matrix", applied in this order: see `transforms_of`.

    Attributes:
        probability: with which each of them, or each part of the last three, is applied to an image: a number, or a function
            without arguments that returns a scalar tensor (a schedule).

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.core.draws import Draws, seed_of
        >>> from tfgan_zoo.observation.augmentation import Augmentation
        >>> batch = {"images": np.ones([2, 16, 16, 1], np.float32), "labels": [0, 1]}
        >>> augmented = Augmentation(["color", "translation"])(batch, Draws(seed_of(0), 2), "real")
        >>> augmented["images"].shape, augmented["labels"]
        (TensorShape([2, 16, 16, 1]), [0, 1])
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.transforms = transforms_of(names)
        self.probability: float | Callable[[], tf.Tensor] = 1.0

    def __call__(self, batch: Mapping[str, Any], draws: Draws, purpose: str) -> dict[str, Any]:
        """The batch with its images augmented.

        Args:
            batch: holds "images" [B, H, W, C] with static B, and "labelled_images" where there are labelled batches; the
                two are augmented by independent draws.
            draws: `Draws` of this step.
            purpose: a word that differs between reals and fakes.
        """
        augmented = dict(batch)
        probability = self.probability() if callable(self.probability) else self.probability
        for name in AUGMENTED:
            if name in batch:
                images, prefix = batch[name], f"augmented {purpose} {name} "
                for transform in self.transforms:
                    images = transform(images, draws_for(draws, images.shape[0]), probability, prefix)
                augmented[name] = images
        return augmented


def augment(game: Game, names: Iterable[str]) -> Game:
    """Sets `game` to show its discriminator only augmented images, and returns it.

    Args:
        game: changed in place.
        names: as in `Augmentation`; empty for no change.

    Raises:
        ZooError: the data is not images, or not of a number of channels that "color_matrix" knows; or the discriminator sees
            something else.

    Examples:
        >>> from tfgan_zoo.models.sngan import build
        >>> from tfgan_zoo.observation.augmentation import augment
        >>> game = augment(build((32, 32, 1), generator_channels=2, discriminator_channels=2), ["translation"])
        >>> game.augmentation is not None
        True
    """
    if not names:
        return game
    shape = tuple(game.generator.output_shape[1:])
    if len(shape) != 3:
        raise ZooError(
            f"augmentation={list(names)} applies to images, but the data has shape {list(shape)}; leave it out."
        )
    if not game.sees_images:
        raise ZooError(
            f"augmentation={list(names)} applies to images, but this model's discriminator sees measurements of them; "
            "leave out it or data.measurement."
        )
    if "color_matrix" in names and shape[2] not in CHANNELS:
        raise ZooError(
            f"augmentation={list(names)}: color_matrix applies to images of 1, 3 or 4 channels, and these have {shape[2]}; "
            "leave it out."
        )
    game.augmentation = Augmentation(names)
    return game
