"""What the builders share: how often an image can be halved, and the first and last layers of a generator."""

import keras

from tfgan_zoo.errors import ZooError


def halvings(image_shape, smallest=4, most=5):
    """How often the shorter side of (height, width, channels) halves until it would fall under `smallest` pixels.

    Raises:
        ZooError: the shape is no image's, too small, or not divisible so often; the nearest sizes that are get named.
    """
    if len(image_shape) != 3 or image_shape[-1] not in (1, 3, 4):
        raise ZooError(
            f"these networks make images of 1, 3 or 4 channels, and the data has shape {tuple(image_shape)}; "
            "set data.channels, or choose a model with an mlp for points."
        )
    height, width, _ = image_shape
    count = 0
    while min(height, width) / 2 ** (count + 1) >= smallest and count < most:
        count += 1
    if count < 2:
        raise ZooError(f"images of {height}x{width} are too small for a convolutional network; set data.resolution to 16 or more.")
    unit = 2**count
    if height % unit or width % unit:
        nearest = [max(round(side / unit), 1) * unit for side in (height, width)]
        raise ZooError(
            f"images of {height}x{width} cannot be halved {count} times; set data.resolution to "
            f"{nearest[0] if height == width else nearest}."
        )
    return count


def output_dtype():
    """The dtype of logits and images: that of the variables, whatever the layers between compute in."""
    return keras.config.dtype_policy().variable_dtype


def stem(noise, height, width, channels, **dense):
    """noise [B, Z] -> [B, height, width, channels] by one dense layer, whose settings `dense` holds."""
    h = keras.layers.Dense(height * width * channels, name="dense", **dense)(noise)
    return keras.layers.Reshape((height, width, channels), name="reshape")(h)


def to_images(h):
    """Any dtype [B, H, W, C] -> tanh in full precision."""
    return keras.layers.Activation("tanh", dtype=output_dtype(), name="images")(h)
