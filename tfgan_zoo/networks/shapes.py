"""What the builders share: how often an image can be halved, and the first and last layers of a generator."""

import itertools

import keras

from tfgan_zoo.core.errors import ZooError

SMALLEST, MOST = 4, 5  # pixels that are left of the shorter side, and halvings


def count_halvings(height, width, most=MOST):
    """How often the shorter side halves until it would fall under `SMALLEST` pixels, `most` times at the most."""
    count = 0
    while min(height, width) / 2 ** (count + 1) >= SMALLEST and count < most:
        count += 1
    return count


def nearest_size(height, width, most=MOST):
    """The nearest [height, width] of which both sides halve as often as the shorter one should; the larger of two."""
    fitting = []
    for n in range(2, most + 1):
        unit = 2**n
        around = ([side // unit * unit, -(-side // unit) * unit] for side in (height, width))
        fitting += [sides for sides in itertools.product(*around) if count_halvings(*sides, most) == n]
    return list(min(fitting, key=lambda sides: (abs(sides[0] - height) + abs(sides[1] - width), -sides[0] * sides[1])))


def halvings(image_shape, most=MOST):
    """How often an image of (height, width, channels) is halved on its way to the bottom of a network, `most` times at the most.

    Raises:
        ZooError: the shape is no image's, too small, or not divisible so often; the nearest size that is gets named.
    """
    if len(image_shape) != 3 or image_shape[-1] not in (1, 3, 4):
        raise ZooError(
            f"these networks make images of 1, 3 or 4 channels, and the data has shape {tuple(image_shape)}; "
            "set data.channels, or choose a model with an mlp for points."
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


def output_dtype():
    """The dtype of images, latents and logits: that of the variables, whatever the layers between compute in."""
    return keras.config.dtype_policy().variable_dtype


def plain(layer):
    """The layer as it is: the `wrap` of a discriminator without normalised weights."""
    return layer


def glorot(gain=1.0):
    """Glorot's uniform initialisation with a gain."""
    return keras.initializers.VarianceScaling(gain**2, mode="fan_avg", distribution="uniform")


def stem(noise, height, width, channels, wrap=plain, **dense):
    """noise [B, Z] -> [B, height, width, channels] by one dense layer, whose settings `dense` holds, in `wrap`."""
    h = wrap(keras.layers.Dense(height * width * channels, name="dense", **dense))(noise)
    return keras.layers.Reshape((height, width, channels), name="stem_reshape")(h)


def to_images(h):
    """Any dtype [B, H, W, C] -> tanh in full precision."""
    return keras.layers.Activation("tanh", dtype=output_dtype(), name="images")(h)
