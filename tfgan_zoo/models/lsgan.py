"""LSGAN: least squares instead of cross-entropy, so that the gradient does not vanish. Mao et al. 2016, arXiv:1611.04076.

(a, b, c) = (0, 1, 1) is the paper's default, (-1, 1, 0) its Pearson chi-squared form. Deviations from the paper: none known.
"""

from typing import Literal

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.priors import Prior, Uniform
from tfgan_zoo.core.recipe_tables import Count
from tfgan_zoo.networks import dcgan, lsgan
from tfgan_zoo.networks.bodies import body
from tfgan_zoo.objectives import LeastSquares


def build(
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    *,
    network: Literal["scenes", "dcgan", "compact", "mlp"] = "dcgan",
    conditional: bool = False,
    label_size: Count = 256,
    a: float = 0.0,
    b: float = 1.0,
    c: float = 1.0,
    noise_size: Count = 100,
    channels: Count = 64,
    dense: Count = 1024,
    hidden: tuple[Count, ...] = (128, 128, 128),
) -> Game:
    """The game of LSGAN.

    Args:
        image_shape: (H, W, C) of the data, or (D,) for points.
        num_classes: of the data; used if `conditional`.
        network: "scenes" is the paper's for 112x112; "dcgan"; "compact", two strided convolutions; "mlp" for points.
        conditional: labels go through a learned linear map to a short vector, which is concatenated with the input of every
            layer of both players: the paper's way with 3,740 classes of Chinese characters. The networks are then DCGAN's,
            whatever `network` says.
        label_size: length of that vector.
        a, b, c: D's target for fakes, D's for reals, G's for fakes.
        noise_size: length of the latent, from U(-1, 1).
        channels: width next to the image; dense, hidden: widths of the dense layers of "compact" and "mlp".

    Raises:
        ZooError: `conditional` without labels.
    """
    objective = LeastSquares(a, b, c)
    if conditional:
        if not num_classes:
            raise ZooError("lsgan with conditional=true needs labels, and the data has none; leave it out.")
        generator = dcgan.generator(image_shape, noise_size, channels, num_classes, label_size=label_size)
        discriminator = dcgan.discriminator(image_shape, channels, num_classes=num_classes, label_size=label_size)
        return Game(generator, discriminator, Prior(noise_size, Uniform(), num_classes), objective)
    if network == "scenes":
        generator = lsgan.generator(image_shape, noise_size, channels)
        discriminator = lsgan.discriminator(image_shape, channels)
    else:
        networks, widths = body(network, channels, dense, hidden)
        generator = networks.generator(image_shape, noise_size, *widths)
        discriminator = networks.discriminator(image_shape, *widths)
    return Game(generator, discriminator, Prior(noise_size, Uniform()), objective)
