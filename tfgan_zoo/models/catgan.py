"""CatGAN: a discriminator that sorts images into categories, sure of the reals and unsure of the fakes.
Springenberg 2015, arXiv:1511.06390.

Without labels it clusters; with `data.labels_per_class` the labelled images add a cross-entropy of weight 1.
Deviation from the paper: LeakyReLU 0.1 or 0.2 instead of a slope per layer.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import BatchNorm
from tfgan_zoo.networks import compact, mlp
from tfgan_zoo.networks.heads import dense_heads
from tfgan_zoo.objectives import CategoricalEntropy, Classifier, LabelledCrossEntropy


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    semi_supervised: bool = False,
    categories: Count | None = None,
    adversarial: bool = True,
    network: Literal["compact", "mlp"] = "mlp",
    noise_size: Count = 128,
    generator_hidden: tuple[Count, ...] = (500, 500, 1000),
    discriminator_hidden: tuple[Count, ...] = (1000, 500, 250, 250, 250),
    dense: Count = 1024,
    channels: Count = 64,
    noise: Annotated[float, Field(ge=0)] = 0.3,
) -> Game:
    """The game of CatGAN.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data.
        semi_supervised: adds the cross-entropy of the labelled reals; the categories are then the classes.
        categories: how many; by default the data's classes.
        adversarial: False trains the discriminator as a plain classifier on the labelled reals: the baseline.
        network: "mlp" for dense layers, or "compact" for two strided convolutions and a dense layer.
        noise_size: length of the latent, from N(0, 1).
        generator_hidden, discriminator_hidden: widths of "mlp".
        dense, channels: widths of "compact".
        noise: standard deviation of the Gaussian noise before the discriminator's layers in training.

    Raises:
        ZooError: the options need labels and the data has none, or the categories are not the classes, or fewer than 2.
    """
    if (semi_supervised or not adversarial) and not num_classes:
        raise ZooError(
            "semi_supervised=true and adversarial=false need labels, and the data has none; leave both out to cluster."
        )
    count = categories or num_classes
    if (semi_supervised or not adversarial) and count != num_classes:
        raise ZooError(
            f"arguments.categories={count}: with labels there is one category per class; use {num_classes}, or leave it out."
        )
    if count < 2:
        raise ZooError(f"catgan needs 2 categories or more, and has {count}; set arguments.categories, such as 10.")
    heads = dense_heads(class_logits=count)
    if network == "mlp":
        generator = mlp.generator(image_shape, noise_size, generator_hidden, batch_norm=True)
        discriminator = mlp.discriminator(image_shape, discriminator_hidden, noise=noise, norm=BatchNorm, heads=heads)
    else:
        generator = compact.generator(image_shape, noise_size, dense, channels)
        discriminator = compact.discriminator(image_shape, dense, channels, noise=noise, heads=heads)
    objective = 1.0 * CategoricalEntropy() if adversarial else 1.0 * Classifier(num_classes)
    if adversarial and semi_supervised:
        objective += LabelledCrossEntropy()
    return Game(generator, discriminator, Prior(noise_size), objective)
