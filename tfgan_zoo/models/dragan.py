"""DRAGAN: a gradient penalty in a small neighbourhood of the real images. Kodali et al. 2017, arXiv:1705.07215.

`form` and `noise` offer all three penalties and both kinds of noise. Deviation from the paper: the discriminator has no batch
normalisation, under which a gradient is not that of one example alone, unless norm="batch", as in the authors' code.
"""

from typing import Annotated, Literal

from pydantic import Field

from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.layers import BatchNorm
from tfgan_zoo.networks.bodies import LayerNorm, body
from tfgan_zoo.objectives import Dragan, NonSaturating
from tfgan_zoo.objectives.penalties import DRAGAN_FORMS, gaussian_noise, scaled_uniform_noise

NORMS = {"none": None, "layer": LayerNorm, "batch": BatchNorm}
NOISES = {"gaussian": gaussian_noise, "scaled_uniform": scaled_uniform_noise}


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["dcgan", "compact", "mlp"] = "dcgan",
    penalty: Annotated[float, Field(ge=0)] = 10.0,
    form: Literal["two_sided", "hinge", "norm_squared"] = "two_sided",
    k: Annotated[float, Field(ge=0)] = 1.0,
    noise: Literal["gaussian", "scaled_uniform"] = "gaussian",
    norm: Literal["none", "layer", "batch"] = "none",
    noise_size: Count = 100,
    channels: Count = 64,
    dense: Count = 1024,
    hidden: tuple[Count, ...] = (512, 512, 512),
) -> Game:
    """The game of DRAGAN.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data; DRAGAN uses no labels.
        network: "dcgan"; "compact", two strided convolutions and a dense layer; "mlp" for points.
        penalty: weight of the penalty, 0 for the plain GAN.
        form: (|grad| - k)^2, max(0, |grad|^2 - k) or |grad|^2.
        k: the norm that `two_sided` asks for, or the squared norm that `hinge` allows.
        noise: around the reals: N(0, 10) in squared grey levels (the paper), or 0.5 std(x) U(0, 1) (the authors' code).
        norm: normalisation in the discriminator.
        noise_size: length of the latent, from N(0, 1).
        channels: width next to the image; dense, hidden: widths of the dense layers of "compact" and "mlp".
    """
    networks, widths = body(network, channels, dense, hidden)
    generator = networks.generator(image_shape, noise_size, *widths)
    discriminator = networks.discriminator(image_shape, *widths, norm=NORMS[norm])
    objective = 1.0 * NonSaturating()
    if penalty:
        objective += penalty * Dragan(DRAGAN_FORMS[form], k, NOISES[noise])
    return Game(generator, discriminator, Prior(noise_size), objective, one_pass=norm != "batch")
