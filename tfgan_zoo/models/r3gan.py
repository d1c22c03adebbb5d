"""R3GAN: a relativistic loss with penalties on the gradients at real and at generated images, and plain modern networks.
Huang et al. 2024, arXiv:2501.05441.

`loss` and `r2` also offer the paper's baselines: the non-saturating loss, and R1 alone.

Deviations from the paper: none known in networks and losses. Its data augmentation is the recipe's `bgc` and `cutout`.
"""

from typing import Literal

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import r3gan
from tfgan_zoo.objectives import R1, R2, NonSaturating, RelativisticPairing

LOSSES = {"relativistic": RelativisticPairing, "non_saturating": NonSaturating}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    channels: Count = 768,
    full_resolution: Count = 32,
    widths: tuple[Count, ...] | None = None,
    group_size: Count = 16,
    blocks: Count = 2,
    noise_size: Count = 64,
    conditional: bool = False,
    loss: Literal["relativistic", "non_saturating"] = "relativistic",
    r2: bool = True,
) -> Game:
    """The game of R3GAN. The recipe's `weights.r1` and `weights.r2` are the paper's gamma, of gamma / 2 |grad D|^2.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        channels: width of both players up to `full_resolution`; it halves at every doubling of the resolution beyond.
        full_resolution: of the shorter side, in pixels.
        widths: of the stages, the lowest resolution first, in place of `channels` and `full_resolution`.
        group_size: channels of a group of a block's 3x3 convolution, which has twice as many channels as the block.
        blocks: residual blocks per stage.
        noise_size: length of the latent, from N(0, 1).
        conditional: the class is an input of both players.
        loss: of pairs of a real and a generated image as in the paper, or the non-saturating one.
        r2: penalise the gradient at generated images as well as at real ones.

    Raises:
        ZooError: conditional, and the data has no labels; images that cannot be halved down to 4 to 7 pixels; groups that do not
            divide a width; another number of widths than stages.
    """
    if conditional and not num_classes:
        raise ZooError("arguments.conditional=true needs labels, and the data has none; leave it out.")
    classes = num_classes if conditional else 0
    stages = r3gan.stage_widths(image_shape, channels, full_resolution)
    if widths:
        if len(widths) != len(stages):
            raise ZooError(
                f"arguments.widths={list(widths)} is for {len(widths)} stages; images of {image_shape} have {len(stages)}."
            )
        stages = tuple(widths)
    groups = r3gan.stage_groups(stages, group_size)
    generator = r3gan.generator(image_shape, noise_size, stages, groups, blocks, classes)
    discriminator = r3gan.discriminator(image_shape, stages, groups, blocks, classes)
    objective = LOSSES[loss]() + R1()
    if r2:
        objective += R2()
    return Game(generator, discriminator, Prior(noise_size, num_classes=classes), objective, one_pass=True)
