"""EBGAN: the discriminator is an auto-encoder whose reconstruction error is an energy. Zhao et al. 2016, arXiv:1609.03126.

`pulling_away_weight=0` is the plain EBGAN, 0.1 the paper's EBGAN-PT.

Deviations from the paper: the auto-encoder halves images of any size down to 4 to 7 pixels, while the paper's for 64 pixels has
three such layers; the generator is DCGAN's.
"""

from typing import Annotated

from pydantic import Field

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import autoencoder, dcgan
from tfgan_zoo.objectives import EnergyMargin, PullingAway


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    margin: Annotated[float, Field(gt=0)] = 10.0,
    pulling_away_weight: Annotated[float, Field(ge=0)] = 0.1,
    noise_size: Count = 100,
    generator_channels: Count = 64,
    discriminator_channels: Count = 64,
) -> Game:
    """The game of EBGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data; EBGAN uses no labels.
        margin: m, the energy up to which fakes are pushed; an energy is the mean squared error of an image in [-1, 1].
        pulling_away_weight: of the term that spreads the fakes' embeddings; 0 for none.
        noise_size: length of the latent, from N(0, 1).
        generator_channels, discriminator_channels: width next to the image, doubling at every halving.
    """
    objective = 1.0 * EnergyMargin(margin)
    if pulling_away_weight:
        objective += pulling_away_weight * PullingAway()
    return Game(
        dcgan.generator(image_shape, noise_size, generator_channels),
        autoencoder.ebgan_discriminator(image_shape, discriminator_channels),
        Prior(noise_size),
        objective,
    )
