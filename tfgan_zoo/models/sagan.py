"""SAGAN: self-attention in both players, and spectral normalisation in the generator too. Zhang et al. 2018, arXiv:1805.08318.

The discriminator is the projection one where the data has labels, and batch norm in the generator's blocks is conditional; data
without labels gives the same networks without. The two time scales are two learning rates of the recipe.

Deviation from the paper: keys and values of the attention are max-pooled, as in the authors' code; `pooled_keys=false` is the
paper's formula. Batch norm's scale and offset of a class are not under spectral normalisation.
"""

from typing import Literal

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import SelfAttention, SpectralNormalization
from tfgan_zoo.networks import resnet
from tfgan_zoo.networks.conditioning import Projection, Unconditional
from tfgan_zoo.networks.shapes import plain
from tfgan_zoo.objectives.adversarial import Hinge, NonSaturating

LOSSES = {"hinge": Hinge, "non_saturating": NonSaturating}


def published_resolutions(image_shape: tuple[int, ...]) -> tuple[int, int]:
    """(in the generator, in the discriminator): 32 and 32 at 128 pixels (table 1), 16 and 8 at 32 pixels (torch-mimicry)."""
    pixels = min(image_shape[:2])
    return pixels // (2 if pixels < resnet.SMALL else 4), pixels // 4


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    attention: bool = True,
    generator_attention: Count | None = None,
    discriminator_attention: Count | None = None,
    pooled_keys: bool = True,
    generator_spectral_norm: bool = True,
    loss: Literal["hinge", "non_saturating"] = "hinge",
    noise_size: Count = 128,
    generator_channels: Count | None = None,
    discriminator_channels: Count | None = None,
    mimicry: bool = False,
    activated_shortcuts: bool = False,
) -> Game:
    """The game of SAGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data; 0 for none.
        attention: there is self-attention in both players.
        generator_attention, discriminator_attention: the resolution, in pixels of the shorter side, that it works at; 32 at
            128 pixels, 16 and 8 at 32 pixels, and likewise at other sizes, where left out.
        pooled_keys: keys and values are max-pooled 2x2, as in the authors' code; without, the paper's formula.
        generator_spectral_norm: of every kernel of the generator.
        loss: the hinge loss, or the non-saturating one.
        noise_size: length of the latent, from N(0, 1).
        generator_channels, discriminator_channels: width at full resolution; the published one where left out.
        mimicry: the networks as torch-mimicry has them, for its weights: bilinear upsampling, and shortcuts of activations
            in the discriminator.
        activated_shortcuts: shortcuts of activations alone, as in StudioGAN, for its weights.

    Raises:
        ZooError: a resolution that no block ends at, or at which there are fewer than 8 channels.
    """
    published = published_resolutions(image_shape)
    resolutions = generator_attention or published[0], discriminator_attention or published[1]

    def attend(resolution: int, spectral_norm: bool) -> dict[int, SelfAttention] | None:
        return {resolution: SelfAttention(pooled_keys, spectral_norm, name="attention")} if attention else None

    generator = resnet.generator(
        image_shape,
        noise_size,
        generator_channels,
        num_classes=num_classes,
        wrap=SpectralNormalization if generator_spectral_norm else plain,
        attention=attend(resolutions[0], generator_spectral_norm),
        bilinear=mimicry,
    )
    discriminator = resnet.discriminator(
        image_shape,
        discriminator_channels,
        conditioning=Projection(num_classes) if num_classes else Unconditional(),
        attention=attend(resolutions[1], spectral_norm=True),
        activated_shortcut=mimicry or activated_shortcuts,
    )
    return Game(generator, discriminator, Prior(noise_size, num_classes=num_classes), LOSSES[loss](), one_pass=True)
