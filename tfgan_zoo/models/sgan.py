"""SGAN: the discriminator is a classifier of K classes and a fake one. Odena 2016, arXiv:1606.01583.

With `data.labels_per_class` unlabelled reals train it too: they are not fake. Options of Salimans et al. 2016, arXiv:1606.03498:
feature matching, minibatch discrimination, historical averaging. Deviation from the paper: none known.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count, Share
from tfgan_zoo.networks.bodies import body
from tfgan_zoo.networks.heads import dense_heads
from tfgan_zoo.objectives import Classifier, FakeClass, FeatureMatching, HistoricalAveraging

Weight = Annotated[float, Field(ge=0)]


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["dcgan", "compact"] = "dcgan",
    adversarial: bool = True,
    feature_matching: Weight = 0.0,
    historical_averaging: Weight = 0.0,
    minibatch_kernels: Annotated[int, Field(ge=0)] = 0,
    noise_size: Count = 100,
    channels: Count = 64,
    dense: Count = 1024,
    noise: Weight = 0.0,
    dropout: Share = 0.0,
) -> Game:
    """The game of SGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: K of the data.
        network: DCGAN's, as in the paper, or "compact": two strided convolutions and a dense layer.
        adversarial: False trains only the discriminator, as a plain classifier of the labelled reals: the baseline.
        feature_matching: weight of the distance between mean features of real and fake, added to the generator's loss.
        historical_averaging: weight of both players' distance to the mean of their weights so far.
        minibatch_kernels: number of kernels of minibatch discrimination on the features, 0 for none.
        noise_size: length of the latent, from U(-1, 1).
        channels: width next to the image; dense: of the dense layer of "compact".
        noise, dropout: standard deviation of the Gaussian noise before the discriminator's layers, dropout rate.

    Raises:
        ZooError: the data has no labels.
    """
    if not num_classes:
        raise ZooError("sgan needs labels, and the data has none; use a source with labels, or --model=dcgan.")
    heads = dense_heads(class_logits=num_classes + 1)
    networks, widths = body(network, channels, dense)
    generator = networks.generator(image_shape, noise_size, *widths)
    discriminator = networks.discriminator(
        image_shape, *widths, noise=noise, dropout=dropout, heads=heads, minibatch_kernels=minibatch_kernels
    )
    objective = 1.0 * FakeClass() if adversarial else 1.0 * Classifier(num_classes)
    if feature_matching:
        objective += feature_matching * FeatureMatching()
    if historical_averaging:
        objective += historical_averaging * HistoricalAveraging(generator, discriminator)
    return Game(generator, discriminator, Prior(noise_size, Uniform()), objective)
