"""Differentiable augmentation: what is done to real and fake images alike before the discriminator sees them, so that few images
last longer. DiffAugment: Zhao et al. 2020, arXiv:2006.10738, section 3 and its code's numbers.

Images are in [-1, 1], and what is empty after a shift or a cut is 0, mid-grey. Colours may leave [-1, 1], as in the authors' code.
Each function is differentiable in its images, and draws what it needs for each example by `Draws`, whose purposes begin with
`purpose`.
"""

import tensorflow as tf

from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.errors import ZooError

SHIFT, CUT = 1 / 8, 1 / 2  # of the side: the longest shift, and the side of the square that is cut out
SEEN = ("images", "labelled_images")  # what of a batch a discriminator is shown


def shaped(values, images):
    """values [B] of the images' dtype, shaped [B, 1, 1, 1]."""
    return tf.cast(values, images.dtype)[:, None, None, None]


def color(images, draws, purpose=""):
    """Brightness x + b, b in (-1/2, 1/2); then saturation, the distance from the mean over channels times s in (0, 2);
    then contrast, the distance from the mean over the image times c in (1/2, 3/2).

    images: [B, H, W, C]. Returns as many.
    """
    images += shaped(draws.uniform(f"{purpose}brightness") - 0.5, images)
    mean = tf.reduce_mean(images, axis=3, keepdims=True)
    images = mean + shaped(2 * draws.uniform(f"{purpose}saturation"), images) * (images - mean)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return mean + shaped(draws.uniform(f"{purpose}contrast") + 0.5, images) * (images - mean)


def translation(images, draws, purpose=""):
    """Shifts by whole numbers of rows and columns of [-r, r], r = round(side / 8): what comes in is 0.

    images: [B, H, W, C]. Returns as many.
    """
    for axis in (1, 2):
        side = images.shape[axis]
        reach = int(side * SHIFT + 0.5)
        shift = draws.integers(f"{purpose}shift {axis}", 2 * reach + 1) - reach
        source = tf.range(side)[None] + shift[:, None]
        there = (source >= 0) & (source < side)
        images = tf.gather(images, tf.clip_by_value(source, 0, side - 1), axis=axis, batch_dims=1)
        there = there[:, :, None, None] if axis == 1 else there[:, None, :, None]
        images = tf.where(there, images, tf.zeros([], images.dtype))
    return images


def cutout(images, draws, purpose=""):
    """A rectangle of round(H / 2) x round(W / 2) pixels is 0, its centre anywhere in the image, so that it may stand out of it.

    images: [B, H, W, C]. Returns as many.
    """
    inside = []
    for axis in (1, 2):
        side = images.shape[axis]
        size = int(side * CUT + 0.5)
        first = draws.integers(f"{purpose}cut {axis}", side + 1 - size % 2) - size // 2
        inside.append((tf.range(side) >= first[:, None]) & (tf.range(side) < first[:, None] + size))
    cut = (inside[0][:, :, None] & inside[1][:, None, :])[..., None]
    return tf.where(cut, tf.zeros([], images.dtype), images)


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}


def draws_for(draws, count):
    """`Draws` for `count` examples a share, where `draws` are for another number of them: in a generator's turn there may be
    more fakes than reals."""
    if count == draws.count:
        return draws
    shares = draws.total // draws.count
    return Draws(draws.seed, shares * count, draws.first // draws.count * count, count)


class Augmentation:
    """Augments the images of a batch.

    Args:
        names: keys of `AUGMENTATIONS`, applied in this order.

    Attributes:
        probability: with which each of them is applied to an image: a number, or a function without arguments that returns a
            scalar tensor (a schedule).
    """

    def __init__(self, names):
        self.functions = [AUGMENTATIONS[name] for name in names]
        self.probability = 1.0

    def __call__(self, batch, draws, purpose):
        """batch: a dict with "images" [B, H, W, C] of static B; purpose: a word, another for reals than for fakes.

        Returns the dict with them, and with "labelled_images" where there are such, augmented by draws of their own.
        """
        augmented = dict(batch)
        for name in SEEN:
            if name in batch:
                images = batch[name]
                for function in self.functions:
                    images = self.applied(function, images, draws, f"augmented {purpose} {name} ")
                augmented[name] = images
        return augmented

    def applied(self, function, images, draws, purpose):
        """function(images), for each image with the probability, else the image itself."""
        draws = draws_for(draws, images.shape[0])
        augmented = function(images, draws, purpose)
        if not callable(self.probability) and self.probability == 1:
            return augmented
        probability = self.probability() if callable(self.probability) else self.probability
        chosen = draws.uniform(f"{purpose}{function.__name__} chosen") < probability
        return tf.where(chosen[:, None, None, None], augmented, images)


def augment(game, names):
    """Has `game` show its discriminator nothing but augmented images; names: keys of `AUGMENTATIONS`, none for no change.

    Raises:
        ZooError: the game is not one of images, or its discriminator is shown something else.
    """
    if not names:
        return game
    shape = tuple(game.generator.output_shape[1:])
    if len(shape) != 3:
        raise ZooError(f"augmentation={list(names)} is for images, and the data has shape {list(shape)}; leave it out.")
    if not game.sees_images:
        raise ZooError(
            f"augmentation={list(names)} is for images, and this model's discriminator is shown measurements of them; "
            "leave it out, or data.measurement."
        )
    game.augmentation = Augmentation(names)
    return game
