"""Networks by the names that recipes give them. Each module has a `generator` and a `discriminator`."""

import functools
from types import ModuleType

import keras

from tfgan_zoo.networks import compact, dcgan, mlp

# Over all channels and positions of an example at once, with a gain per channel. Unlike batch norm it does not mix examples, so
# gradients are per example.
LayerNorm = functools.partial(keras.layers.GroupNormalization, 1)

MODULES = {"dcgan": dcgan, "compact": compact, "mlp": mlp}


def body(network: str, channels: int, dense: int, hidden: tuple[int, ...] = ()) -> tuple[ModuleType, tuple]:
    """The module of that name, and its widths: the arguments of its builders after the image shape (and the noise size).

    Args:
        network: "dcgan", "compact" or "mlp".
        channels: of the layer next to the image, in "dcgan" and "compact".
        dense: width of the dense layer of "compact".
        hidden: widths of the layers of "mlp".
    """
    widths = {"dcgan": (channels,), "compact": (dense, channels), "mlp": (hidden,)}
    return MODULES[network], widths[network]
