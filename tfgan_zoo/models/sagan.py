"""SAGAN: self-attention in both players, and spectral normalisation in the generator too. Zhang et al. 2018, arXiv:1805.08318.

If the data has labels, the discriminator is a projection discriminator and batch norm in the generator's blocks is conditional;
else both are unconditional. The two time scales are the recipe's two learning rates.

Deviation from the paper: keys and values of the attention are max-pooled, as in the authors' code; `pooled_keys=false` is the
paper's formula. The class-conditional scale and offset of batch norm are not spectrally normalised.
"""

from typing import Literal

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import SelfAttention, SpectralNormalization
from tfgan_zoo.networks import resnet
from tfgan_zoo.networks.conditioning import Projection, Unconditional
from tfgan_zoo.networks.shapes import plain
from tfgan_zoo.objectives import Hinge, NonSaturating

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
        attention: whether both players have self-attention.
        generator_attention, discriminator_attention: the resolution of its feature maps, in pixels of the shorter side; by default
            32 for images of 128 pixels, 16 and 8 for 32 pixels, and in proportion for other sizes.
        pooled_keys: max-pool keys and values 2x2, as in the authors' code; false is the paper's formula.
        generator_spectral_norm: spectral normalisation of every kernel of the generator.
        loss: hinge or non-saturating.
        noise_size: length of the latent, from N(0, 1).
        generator_channels, discriminator_channels: width at full resolution; the published one by default.
        mimicry: torch-mimicry's form of the networks, to load its weights: bilinear upsampling, and shortcuts of activations
            in the discriminator.
        activated_shortcuts: shortcuts of activations only, as in StudioGAN, to load its weights.

    Raises:
        ZooError: no block ends at the resolution, or it has fewer than 8 channels there.
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
