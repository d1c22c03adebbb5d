"""GAN: a generator and a discriminator play against each other. Goodfellow et al. 2014, arXiv:1406.2661.

Deviations from the paper: images are in [-1, 1] and end in tanh, the paper's sigmoid on [0, 1] rescaled;
the quickstart trains with Adam instead of SGD with momentum, as in the paper's code.
"""

from typing import Literal

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Normal, Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count, Share
from tfgan_zoo.networks import dcgan, mlp
from tfgan_zoo.objectives import Minimax, NonSaturating

PRIORS: dict[str, type[Uniform] | type[Normal]] = {"uniform": Uniform, "normal": Normal}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["mlp", "dcgan"] = "mlp",
    saturating: bool = False,
    noise: Literal["uniform", "normal"] = "uniform",
    noise_size: Count = 100,
    generator_hidden: tuple[Count, ...] = (1200, 1200),
    discriminator_hidden: tuple[Count, ...] = (240, 240),
    maxout_pieces: Count = 5,
    input_dropout: Share = 0.2,
    dropout: Share = 0.5,
    channels: Count = 64,
) -> Game:
    """The game of GAN.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data; GAN uses no labels.
        network: dense layers with maxout and dropout in the discriminator, as in the paper, or DCGAN's convolutions.
        saturating: the generator minimises log(1 - D(G(z))) as in eq. 1, instead of maximising log D(G(z)).
        noise: the latent's distribution, U(-1, 1) or N(0, 1); noise_size: its length.
        generator_hidden, discriminator_hidden: widths of the dense layers.
        maxout_pieces: linear pieces of a maxout unit; 1 for LeakyReLU.
        input_dropout, dropout: the discriminator's dropout rates of images and of hidden units.
        channels: of DCGAN's network before the image.
    """
    if network == "mlp":
        generator = mlp.generator(image_shape, noise_size, generator_hidden)
        discriminator = mlp.discriminator(
            image_shape, discriminator_hidden, maxout_pieces, input_dropout=input_dropout, dropout=dropout
        )
    else:
        generator = dcgan.generator(image_shape, noise_size, channels)
        discriminator = dcgan.discriminator(image_shape, channels)
    objective = Minimax() if saturating else NonSaturating()
    return Game(generator, discriminator, Prior(noise_size, PRIORS[noise]()), objective)
