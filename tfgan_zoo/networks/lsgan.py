"""LSGAN's networks for scenes of 112x112. Mao et al. 2016, arXiv:1611.04076, figure 2."""

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import BatchNorm, LeakyReLU
from tfgan_zoo.networks.heads import dense_heads, normal
from tfgan_zoo.networks.shapes import output_dtype, stem, to_images

BOTTOM = 16  # the ratio of the image's side to that of the lowest resolution: four layers at stride 2
# (width at channels=64, stride) of the generator's 3x3 transposed convolutions before the last
UPSAMPLING = ((256, 2), (256, 1), (256, 2), (256, 1), (128, 2), (64, 2))


def check(image_shape: tuple[int, ...]) -> None:
    """Raises a `ZooError` unless these networks fit images of this shape."""
    if len(image_shape) != 3 or image_shape[0] % BOTTOM or image_shape[1] % BOTTOM:
        raise ZooError(
            f"the data has shape {tuple(image_shape)}: this network expects images whose sides are divisible by {BOTTOM}; set "
            "data.resolution=112, as in the paper."
        )


def generator(image_shape: tuple[int, ...], noise_size: int = 1024, channels: int = 64) -> keras.Model:
    """{"noise"} -> images [B, H, W, C] in [-1, 1]. channels: width of the last hidden layer; four times as many at the lowest resolution."""
    check(image_shape)
    height, width, image_channels = image_shape
    noise = keras.Input([noise_size], dtype=output_dtype(), name="noise")
    h = stem(noise, height // BOTTOM, width // BOTTOM, 4 * channels, kernel_initializer=normal(), use_bias=False)
    h = keras.layers.ReLU(name="relu_0")(BatchNorm(name="norm_0")(h))
    for i, (filters, stride) in enumerate(UPSAMPLING, 1):
        up = keras.layers.Conv2DTranspose(
            filters * channels // 64, 3, stride, "same", use_bias=False, kernel_initializer=normal(), name=f"up_{i}"
        )
        h = keras.layers.ReLU(name=f"relu_{i}")(BatchNorm(name=f"norm_{i}")(up(h)))
    h = keras.layers.Conv2DTranspose(image_channels, 3, 1, "same", kernel_initializer=normal(), name="to_images")(h)
    return keras.Model({"noise": noise}, to_images(h), name="generator")


def discriminator(image_shape: tuple[int, ...], channels: int = 64) -> keras.Model:
    """{"images"} -> {"logits": [B, 1], "features": [B, F]}: four 5x5 convolutions at stride 2, widths doubling."""
    check(image_shape)
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    h = images
    for i in range(1, 5):
        filters = channels * 2 ** (i - 1)
        conv = keras.layers.Conv2D(
            filters, 5, 2, "same", use_bias=i == 1, kernel_initializer=normal(), name=f"down_{i}"
        )
        h = conv(h)
        h = BatchNorm(name=f"norm_{i}")(h) if i > 1 else h
        h = LeakyReLU(0.2, name=f"relu_{i}")(h)
    features = keras.layers.Flatten(name="features", dtype=output_dtype())(h)
    return keras.Model(
        {"images": images}, {**dense_heads(logits=1)(features), "features": features}, name="discriminator"
    )
