"""Networks by the names that recipes give them. Each module has a `generator` and a `discriminator`."""

from tfgan_zoo.networks import compact, dcgan, mlp

MODULES = {"dcgan": dcgan, "compact": compact, "mlp": mlp}


def body(network, channels, dense, hidden=()):
    """The module called `network`, and its widths as its builders take them, after the image shape (and the noise size).

    Args:
        network: "dcgan", "compact" or "mlp".
        channels: next to the image; dense: of the dense layer of "compact"; hidden: of the layers of "mlp".
    """
    widths = {"dcgan": (channels,), "compact": (dense, channels), "mlp": (hidden,)}
    return MODULES[network], widths[network]
