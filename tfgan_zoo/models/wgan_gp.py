"""WGAN-GP: a penalty on the critic's gradient norm instead of clipping. Gulrajani et al. 2017, arXiv:1704.00028.

The critic has no batch normalisation, under which a gradient is not that of one example alone; layer normalisation can take its
place. Deviation from the paper: the ResNet is SNGAN's form of it, whose critic sums over positions instead of averaging.
"""

from typing import Annotated, Literal

import keras
from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import resnet, shapes
from tfgan_zoo.networks.bodies import LayerNorm, body
from tfgan_zoo.objectives import GradientPenalty, Wasserstein


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["resnet", "dcgan", "compact", "mlp"] = "resnet",
    penalty: Annotated[float, Field(ge=0)] = 10.0,
    one_sided: bool = False,
    layer_norm: bool = False,
    noise_size: Count = 128,
    channels: Count = 128,
    generator_channels: Count | None = None,
    mimicry: bool = False,
    dense: Count = 1024,
    hidden: tuple[Count, ...] = (512, 512, 512),
) -> Game:
    """The game of WGAN-GP.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data; the unsupervised setting uses no labels.
        network: "resnet"; "dcgan"; "compact", two strided convolutions and a dense layer; "mlp" for points.
        penalty: weight of the gradient penalty.
        one_sided: penalise only norms above 1.
        layer_norm: in the critic; not with "resnet".
        noise_size: length of the latent, from N(0, 1).
        generator_channels: of "resnet", if not `channels` (the published 32-pixel one has 256).
        mimicry: torch-mimicry's form of "resnet", to load its weights: bilinear upsampling, and in the critic shortcuts of
            activations and a mean over positions.
        channels: width next to the image; dense, hidden: widths of the dense layers of "compact" and "mlp".

    Raises:
        ZooError: layer_norm with "resnet", or an option of "resnet" with another network.
    """
    if network != "resnet" and (mimicry or generator_channels):
        raise ZooError(f"network={network!r}: mimicry and generator_channels need network='resnet'.")
    if layer_norm and network == "resnet":
        raise ZooError(
            "layer_norm=true: the critic of network='resnet' has no layer norm; use another network, or leave it out."
        )
    norm = LayerNorm if layer_norm else None
    if network == "resnet":
        pooling = keras.ops.mean if mimicry else keras.ops.sum
        form = {"activated_shortcut": mimicry, "pooling": pooling}
        generator = resnet.generator(image_shape, noise_size, generator_channels or channels, bilinear=mimicry)
        discriminator = resnet.discriminator(image_shape, channels, shapes.plain, **form)
    else:
        networks, widths = body(network, channels, dense, hidden)
        generator = networks.generator(image_shape, noise_size, *widths)
        discriminator = networks.discriminator(image_shape, *widths, norm=norm)
    objective = Wasserstein() + penalty * GradientPenalty(one_sided)
    return Game(generator, discriminator, Prior(noise_size), objective, one_pass=True)
