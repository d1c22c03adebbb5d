"""Shared by the builders: how often an image can be halved, and the first and last layers of a generator."""

import itertools
from collections.abc import Callable
from typing import Any

import keras

from tfgan_zoo.core.errors import ZooError

SMALLEST, MOST = 4, 5  # least pixels of the shorter side at the lowest resolution, and most halvings


def count_halvings(height: int, width: int, most: int = MOST) -> int:
    """How often the shorter side can be halved without falling below `SMALLEST` pixels, at most `most` times."""
    count = 0
    while min(height, width) / 2 ** (count + 1) >= SMALLEST and count < most:
        count += 1
    return count


def nearest_size(height: int, width: int, most: int = MOST) -> list[int]:
    """The nearest [height, width] whose sides can both be halved as often as its shorter side requires; on a tie the larger."""
    fitting: list[tuple[int, ...]] = []
    for n in range(2, most + 1):
        unit = 2**n
        rows, columns = ([side // unit * unit, -(-side // unit) * unit] for side in (height, width))
        fitting += [
            sides for sides in itertools.product(rows, columns) if count_halvings(sides[0], sides[1], most) == n
        ]
    nearest = min(fitting, key=lambda sides: (abs(sides[0] - height) + abs(sides[1] - width), -sides[0] * sides[1]))
    return list(nearest)


def halvings(image_shape: tuple[int, ...], most: int = MOST) -> int:
    """How often a network halves an image of (height, width, channels) to its lowest resolution, at most `most` times.

    Raises:
        ZooError: not the shape of an image, too small, or not divisible that often; the message names the nearest size that is.
    """
    if len(image_shape) != 3 or image_shape[-1] not in (1, 3, 4):
        raise ZooError(
            f"the data has shape {tuple(image_shape)}: these networks expect images of 1, 3 or 4 channels; set data.channels, or "
            "choose a model with an mlp for points."
        )
    height, width, _ = image_shape
    count = count_halvings(height, width, most)
    if count < 2:
        raise ZooError(
            f"images of {height}x{width} are too small for a convolutional network; set data.resolution to 16 or more."
        )
    if height % 2**count or width % 2**count:
        nearest = nearest_size(height, width, most)
        raise ZooError(
            f"images of {height}x{width} cannot be halved {count} times; set data.resolution to "
            f"{nearest[0] if nearest[0] == nearest[1] else nearest}."
        )
    return count


def output_dtype() -> str:
    """The dtype of images, latents and logits: the variables' dtype, whatever the layers between compute in."""
    return keras.config.dtype_policy().variable_dtype


def plain(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer itself: the `wrap` of a discriminator without weight normalisation."""
    return layer


def glorot(gain: float = 1.0) -> keras.Initializer:
    """Glorot's uniform initialisation with a gain."""
    return keras.initializers.VarianceScaling(gain**2, mode="fan_avg", distribution="uniform")


def stem(
    noise: keras.KerasTensor, height: int, width: int, channels: int, wrap: Callable = plain, **dense: Any
) -> keras.KerasTensor:
    """noise [B, Z] -> [B, height, width, channels] by one dense layer with the arguments `dense`, wrapped in `wrap`."""
    h = wrap(keras.layers.Dense(height * width * channels, name="dense", **dense))(noise)
    return keras.layers.Reshape((height, width, channels), name="stem_reshape")(h)


def to_images(h: keras.KerasTensor) -> keras.KerasTensor:
    """tanh of h [B, H, W, C], any dtype, in full precision."""
    return keras.layers.Activation("tanh", dtype=output_dtype(), name="images")(h)
