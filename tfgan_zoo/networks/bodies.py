"""Networks by the names that recipes give them. Each module has a `generator` and a `discriminator`."""

import functools

import keras

from tfgan_zoo.networks import compact, dcgan, mlp

# Over all channels and positions of an example at once, with a gain for each channel. It keeps examples apart, as batch norm does
# not, so that a gradient is one example's own.
LayerNorm = functools.partial(keras.layers.GroupNormalization, 1)

MODULES = {"dcgan": dcgan, "compact": compact, "mlp": mlp}


def body(network, channels, dense, hidden=()):
    """The module called `network`, and its widths as its builders take them, after the image shape (and the noise size).

    Args:
        network: "dcgan", "compact" or "mlp".
        channels: next to the image; dense: of the dense layer of "compact"; hidden: of the layers of "mlp".
    """
    widths = {"dcgan": (channels,), "compact": (dense, channels), "mlp": (hidden,)}
    return MODULES[network], widths[network]
