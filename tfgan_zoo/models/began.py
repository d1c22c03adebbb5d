"""BEGAN: an auto-encoder whose errors on real and fake are kept in balance. Berthelot et al. 2017, arXiv:1703.10717.

Its measure of convergence is logged as "boundary_equilibrium/convergence", which schedule="plateau" watches.
Deviations from the paper: none known.
"""

from typing import Annotated

from pydantic import Field

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import autoencoder
from tfgan_zoo.objectives import BoundaryEquilibrium


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    diversity: Annotated[float, Field(gt=0, le=1)] = 0.5,
    k_rate: Annotated[float, Field(ge=0)] = 1e-3,
    noise_size: Count = 64,
    channels: Count = 64,
    skip_connections: bool = False,
) -> Game:
    """The game of BEGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data; BEGAN uses no labels.
        diversity: gamma, 0.3 to 0.7 in the paper: lower is sharper and less varied.
        k_rate: lambda_k, the rate of k.
        noise_size: length of the latent, from U(-1, 1), and of the discriminator's embedding.
        channels: n, the width of the convolutions.
        skip_connections: the first tensor of each decoder is concatenated at every further resolution.
    """
    return Game(
        autoencoder.began_generator(image_shape, noise_size, channels, skip_connections),
        autoencoder.began_discriminator(image_shape, noise_size, channels, skip_connections),
        Prior(noise_size, Uniform()),
        BoundaryEquilibrium(diversity, k_rate),
        one_pass=True,
    )
