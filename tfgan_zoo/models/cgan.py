"""Conditional GAN: both players see the label. Mirza and Osindero 2014, arXiv:1411.1784.

Deviations from the paper: images are in [-1, 1] and end in tanh, the paper's sigmoid on [0, 1] rescaled;
the quickstart trains with Adam instead of SGD with momentum.
"""

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count, Share
from tfgan_zoo.networks import mlp
from tfgan_zoo.objectives import NonSaturating


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    noise_size: Count = 100,
    generator_own: tuple[Count, Count] = (200, 1000),
    generator_hidden: tuple[Count, ...] = (1200,),
    discriminator_own: tuple[Count, Count] = (240, 50),
    discriminator_hidden: tuple[Count, ...] = (240,),
    own_pieces: Count = 5,
    maxout_pieces: Count = 4,
    dropout: Share = 0.5,
) -> Game:
    """The game of the conditional GAN.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data.
        noise_size: length of the latent, from U(-1, 1).
        generator_own: units of the layers for the noise and for the label before they are joined.
        generator_hidden: widths of the layers after that.
        discriminator_own: units of the layers for the image and for the label before they are joined.
        discriminator_hidden: widths of the layers after that.
        own_pieces, maxout_pieces: linear pieces of the maxout units before and after the join; 1 for LeakyReLU.
        dropout: rate at the discriminator's joined units.

    Raises:
        ZooError: the data has no labels.
    """
    if not num_classes:
        raise ZooError("cgan needs labels, and the data has none; use a source with labels, or --model=gan.")
    return Game(
        mlp.generator(image_shape, noise_size, generator_hidden, num_classes, generator_own),
        mlp.discriminator(
            image_shape,
            discriminator_hidden,
            maxout_pieces,
            dropout=dropout,
            num_classes=num_classes,
            own=discriminator_own,
            own_pieces=own_pieces,
        ),
        Prior(noise_size, Uniform(), num_classes),
        NonSaturating(),
    )
