"""InfoGAN: codes that can be read from the images, so each learns a meaning. Chen et al. 2016, arXiv:1606.03657.

Q shares the discriminator's body; D with Q, and G, all take the gradient of L_I. Deviations from the paper: none known.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Codes, Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks.bodies import body
from tfgan_zoo.networks.heads import code_heads
from tfgan_zoo.objectives import CategoryInformation, CodeInformation, NonSaturating

Weight = Annotated[float, Field(ge=0)]


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["compact", "dcgan"] = "compact",
    categories: tuple[Annotated[int, Field(ge=2)], ...] = (10,),
    continuous: Annotated[int, Field(ge=0)] = 2,
    learned_variance: bool = False,
    category_weight: Weight = 1.0,
    continuous_weight: Weight = 0.1,
    noise_size: Count = 62,
    channels: Count = 64,
    dense: Count = 1024,
    code_dense: Count = 128,
    noise: Weight = 0.0,
) -> Game:
    """The game of InfoGAN.

    Args:
        image_shape: (H, W, C) of the data.
        num_classes: of the data; InfoGAN uses no labels.
        network: the paper's for MNIST, or DCGAN's.
        categories: the number of categories of each categorical code.
        continuous: the number of codes from U(-1, 1).
        learned_variance: Q also predicts the standard deviation of each continuous code; else it is 1.
        category_weight, continuous_weight: lambda of each kind of code; 0 makes them meaningless.
        noise_size: length of the latent, from U(-1, 1).
        channels: width next to the image; dense: of the dense layer of "compact"; code_dense: of Q's own layer.
        noise: standard deviation of the Gaussian noise before the discriminator's layers in training.

    Raises:
        ZooError: there are no codes.
    """
    codes = Codes(tuple(categories), continuous)
    if not codes.size:
        raise ZooError("infogan needs a code: set arguments.categories, such as [10], or arguments.continuous.")
    heads = code_heads(codes, learned_variance, code_dense)
    networks, widths = body(network, channels, dense)
    generator = networks.generator(image_shape, noise_size, *widths, codes=codes)
    discriminator = networks.discriminator(image_shape, *widths, noise=noise, heads=heads)
    objective = 1.0 * NonSaturating()
    if codes.categorical:
        objective += category_weight * CategoryInformation(codes)
    if codes.continuous:
        objective += continuous_weight * CodeInformation(codes)
    return Game(generator, discriminator, Prior(noise_size, Uniform(), codes=codes), objective)
