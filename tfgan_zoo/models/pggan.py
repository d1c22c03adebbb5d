"""PGGAN: both players grow from 4x4 pixels, each new resolution faded in. Karras et al. 2017, arXiv:1710.10196.

Deviations from the paper: none in the default networks and losses. Where the authors' code differs from the paper, its form is
an option: `authors_gain`, `group_size=4`. With labels (`conditional`) it is that code's AC-GAN: the one-hot label is appended
to the latent, and the discriminator also predicts the class.
"""

from typing import Annotated, Any, Literal

import keras
import tensorflow as tf
from pydantic import Field

from tfgan_zoo.core.draws import Draws
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Batch, Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count, Stage
from tfgan_zoo.networks.progressive import ProgressiveDiscriminator, ProgressiveGenerator, faded, halved
from tfgan_zoo.objectives import AdaptiveNoise, ClassCrossEntropy, Drift, GradientPenalty, LeastSquares, Wasserstein


class GrowingGame(Game):
    """A game of two `Growing` networks; reals are shown at the resolution of the stage, faded as the fakes are."""

    share = 0.0  # of the stage, in which the new resolution fades in

    def check(self, stage: Stage) -> None:
        sizes = self.discriminator.resolutions
        if self.size_of(stage) not in sizes:
            raise ZooError(
                f"a stage has resolution={stage.resolution}, and these networks grow from 4 to {sizes[-1]} by doubling: "
                f"{', '.join(map(str, sizes))}. See stages and data.resolution."
            )
        if self.size_of(stage) == sizes[0] and stage.fade_steps:
            raise ZooError(f"a stage at 4 pixels has fade_steps={stage.fade_steps}, and nothing to fade from; use 0.")
        group = self.discriminator.group_size or 1
        if stage.batch_size > group and stage.batch_size % group:
            raise ZooError(
                f"a stage at {self.size_of(stage)} pixels has batch_size={stage.batch_size}, which cannot be split into groups of "
                f"arguments.group_size={group}; use {stage.batch_size // group * group}, or leave group_size out."
            )

    def size_of(self, stage: Stage) -> int | None:
        """The side of the stage's images, None if they are not square."""
        if stage.resolution is None:
            return self.discriminator.resolutions[-1]
        sides = {stage.resolution} if isinstance(stage.resolution, int) else set(stage.resolution)
        return sides.pop() if len(sides) == 1 else None

    def enter(self, stage: Stage) -> None:
        self.check(stage)
        self.share = stage.fade_steps / stage.steps
        for network in self.networks:
            network.resolution = self.size_of(stage)

    @property
    def networks(self) -> tuple[keras.Model, ...]:
        return (*self.generators, self.discriminator)

    def advance(self, fraction: tf.Tensor) -> None:
        """alpha rises from 0 to 1 in the first `share` of the stage."""
        alpha = tf.minimum(fraction / self.share, 1.0) if self.share else tf.ones([])
        for network in self.networks:
            network.alpha.assign(tf.cast(alpha, network.alpha.dtype))

    def observe_real(self, batch: Batch, draws: Draws) -> Batch:
        """Reals at the stage's resolution; a source's may be larger by a power of two."""
        critic = self.discriminator
        images = batch["images"]
        while images.shape[1] > critic.resolution:
            images = halved(images)
        if critic.level:
            images = faded(images, critic.upsample(halved(images)), tf.convert_to_tensor(critic.alpha.value))
        return {**batch, "images": images}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    loss: Literal["wasserstein", "least_squares"] = "wasserstein",
    penalty: Annotated[float, Field(ge=0)] = 10.0,
    drift: Annotated[float, Field(ge=0)] = 1e-3,
    adaptive_noise: bool = True,
    conditional: bool = False,
    class_weight: Annotated[float, Field(ge=0)] = 1.0,
    noise_size: Count = 512,
    feature_base: Count = 8192,
    feature_maximum: Count = 512,
    group_size: Count | None = None,
    authors_gain: bool = False,
) -> Game:
    """The game of PGGAN. The recipe's stages say when it grows; with one stage at full resolution it does not.

    Args:
        image_shape: (R, R, C) of the data, R a power of two, 8 or more.
        num_classes: of the data.
        loss: WGAN-GP (with drift), or LSGAN.
        penalty, drift: weights of WGAN-GP's penalty and of E D(x)^2.
        adaptive_noise: with least squares, noise on the input of every convolution of the discriminator, of a strength
            that follows its output.
        conditional: the generator takes labels and the discriminator predicts them.
        class_weight: of the class cross-entropy in both players' losses, if conditional.
        noise_size: length of the latent, from N(0, 1).
        feature_base, feature_maximum: at r pixels there are min(2 feature_base / r, feature_maximum) feature maps.
        group_size: examples per group of the minibatch standard deviation; by default the whole batch.
        authors_gain: gain sqrt(2) / 4 instead of sqrt(2) before the generator's 4x4 block.

    Raises:
        ZooError: images that the networks cannot grow to; conditional, and the data has no labels.
    """
    if conditional and not num_classes:
        raise ZooError("arguments.conditional=true needs labels, and the data has none; leave it out.")
    classes = num_classes if conditional else 0
    widths: dict[str, Any] = {"num_classes": classes, "base": feature_base, "maximum": feature_maximum}
    noisy = adaptive_noise and loss == "least_squares"
    generator = ProgressiveGenerator(image_shape, noise_size, authors_gain=authors_gain, **widths)
    discriminator = ProgressiveDiscriminator(image_shape, group_size=group_size, noise=noisy, **widths)
    if loss == "least_squares":
        objective = 1.0 * LeastSquares()
        if noisy:
            objective += AdaptiveNoise(discriminator.noise_strength)
    else:
        objective = Wasserstein() + penalty * GradientPenalty() + drift * Drift()
    if classes:
        objective += class_weight * ClassCrossEntropy()
    return GrowingGame(generator, discriminator, Prior(noise_size, num_classes=classes), objective)
