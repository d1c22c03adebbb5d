"""DCGAN: convolutions that train stably. Radford et al. 2015, arXiv:1511.06434.

Deviations from the paper: none; images of other sizes than 64 have a layer per halving down to 4 to 7 pixels.
`batch_norm=false` is what the paper argues against.
"""

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import BatchNorm
from tfgan_zoo.networks import dcgan
from tfgan_zoo.objectives import NonSaturating


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    noise_size: Count = 100,
    generator_channels: Count = 128,
    discriminator_channels: Count = 64,
    batch_norm: bool = True,
) -> Game:
    """The game of DCGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data; DCGAN uses no labels.
        noise_size: length of the latent, from U(-1, 1).
        generator_channels: width before the image, doubled at every halving (128 gives 1024 at 4x4 for 64 pixels).
        discriminator_channels: width of the first layer, doubling likewise.
        batch_norm: in the discriminator, except at its input and output; the generator always has it.
    """
    return Game(
        dcgan.generator(image_shape, noise_size, generator_channels),
        dcgan.discriminator(image_shape, discriminator_channels, norm=BatchNorm if batch_norm else None),
        Prior(noise_size, Uniform()),
        NonSaturating(),
    )
