"""stacked:NAME: RGB images made of three gray ones, a digit in each channel, on which mode collapse can be counted.

Stacked MNIST is by Metz et al. 2016, arXiv:1611.02163, and was adopted by VEEGAN (arXiv:1705.07761) and PacGAN
(arXiv:1712.04086): its 1,000 modes are the triples of digits. Here it is made of mnist5k, with ten images for each digit
of the split: 50,000 ("all"), 45,000 ("train") or 5,000 ("test", of held-out digits only).

Image i has mode i % 1000, so any prefix is balanced and the data is uniform over the modes, whereas the papers draw the
digits independently. Which digit of its class goes into a channel is drawn once, from a fixed seed, by a bit generator,
whose stream NumPy promises never to change.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data import mnist5k

STACKABLE: dict[str, Callable[[str, Any], tuple]] = {"mnist5k": mnist5k.load}  # in which image i is of class i % 10
PER_DIGIT = 10
SEED = 0
CHANNELS, CLASSES = 3, 10
MODES = CLASSES**CHANNELS


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(uint8 images [N, 28, 28, 3] or as the settings say, int32 labels [N], class names "000" to "999").

    The label of an image is its mode, 100 a + 10 b + c with the digits a, b and c in red, green and blue. The images are
    assembled at once and held in memory.

    Raises:
        ZooError: there is no such data to stack or no such split; `settings.channels` is not 3.
    """
    if argument not in STACKABLE:
        raise no_such("data set to stack", argument, STACKABLE)
    if settings.channels not in (None, CHANNELS):
        raise ZooError(
            f"data.channels={settings.channels}: stacked:{argument} has a digit in each of its 3 channels;"
            " leave it out."
        )
    gray = SimpleNamespace(
        split=settings.split,
        resolution=settings.resolution,
        channels=1,
        fit=settings.fit,
        background=settings.background,
    )
    digits, _, _ = STACKABLE[argument]("", gray)
    size = PER_DIGIT * len(digits)
    modes = np.arange(size, dtype=np.int32) % MODES
    members = np.random.Philox(SEED).random_raw([size, CHANNELS]) % (len(digits) // CLASSES)
    images = np.empty([size, *digits.shape[1:3], CHANNELS], np.uint8)
    for channel, classes in enumerate(digits_of_mode(modes).T):
        images[..., channel] = digits[CLASSES * members[:, channel].astype(np.int64) + classes, ..., 0]
    return images, modes, tuple(f"{mode:03}" for mode in range(MODES))


def digits_of_mode(modes: np.ndarray) -> np.ndarray:
    """int [N] in 0..999 -> int [N, 3], the digits in red, green and blue."""
    return np.stack([modes // 100, modes // 10 % 10, modes % 10], axis=1)
