"""WGAN: a critic held Lipschitz by clipping estimates the earth mover's distance. Arjovsky et al. 2017, arXiv:1701.07875.

Every weight of the critic, biases included, stays in [-clip, clip]; the critic has no batch normalisation, which the paper
shows that it can do without. Deviations from the paper: none known.
"""

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import WeightClip
from tfgan_zoo.networks.bodies import body
from tfgan_zoo.objectives.adversarial import Wasserstein


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["dcgan", "compact", "mlp"] = "dcgan",
    clip: Annotated[float, Field(gt=0)] = 0.01,
    noise_size: Count = 100,
    channels: Count = 64,
    dense: Count = 1024,
    hidden: tuple[Count, ...] = (512, 512, 512),
) -> Game:
    """The game of WGAN.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data; WGAN makes no use of labels.
        network: "dcgan"; "compact", two strided convolutions and a dense layer; "mlp".
        clip: bound of every weight of the critic after each of its updates.
        noise_size: length of the latent, from N(0, 1).
        channels: width next to the image; dense, hidden: widths of the dense layers of "compact" and "mlp".
    """

    def clipped(layer: keras.layers.Layer) -> keras.layers.Layer:
        layer.kernel_constraint = WeightClip(clip)
        layer.bias_constraint = WeightClip(clip)
        return layer

    networks, widths = body(network, channels, dense, hidden)
    generator = networks.generator(image_shape, noise_size, *widths)
    discriminator = networks.discriminator(image_shape, *widths, wrap=clipped, norm=None)
    return Game(generator, discriminator, Prior(noise_size), Wasserstein(), one_pass=True)
