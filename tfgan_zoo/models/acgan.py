"""ACGAN: the discriminator also predicts the class, and the generator is conditioned on it. Odena et al. 2016, arXiv:1610.09585.

Deviation from the paper: DCGAN's networks at any size instead of its tables for 32 and 128 pixels; one model for ImageNet
instead of a hundred with ten classes each.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count, Share
from tfgan_zoo.networks.bodies import body
from tfgan_zoo.networks.heads import dense_heads
from tfgan_zoo.objectives import ClassCrossEntropy, NonSaturating


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["dcgan", "compact"] = "dcgan",
    class_weight: Annotated[float, Field(ge=0)] = 1.0,
    noise_size: Count = 110,
    channels: Count = 64,
    dense: Count = 1024,
    dropout: Share = 0.5,
) -> Game:
    """The game of ACGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data.
        network: DCGAN's, or "compact": two strided convolutions and a dense layer.
        class_weight: of the class cross-entropy in both players' losses; 0 makes the label meaningless.
        noise_size: length of the latent, from N(0, 1), which the one-hot label is appended to.
        channels: width next to the image; dense: of the dense layer of "compact".
        dropout: the discriminator's dropout rate.

    Raises:
        ZooError: the data has no labels.
    """
    if not num_classes:
        raise ZooError("acgan needs labels, and the data has none; use a source with labels, or --model=dcgan.")
    heads = dense_heads(logits=1, class_logits=num_classes)
    networks, widths = body(network, channels, dense)
    generator = networks.generator(image_shape, noise_size, *widths, num_classes=num_classes)
    discriminator = networks.discriminator(image_shape, *widths, dropout=dropout, heads=heads)
    objective = NonSaturating() + class_weight * ClassCrossEntropy()
    return Game(generator, discriminator, Prior(noise_size, num_classes=num_classes), objective)
