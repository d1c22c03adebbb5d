"""Auto-encoders as discriminators: EBGAN's (Zhao et al. 2016, arXiv:1609.03126) and BEGAN's with its generator
(Berthelot et al. 2017, arXiv:1703.10717, section 3.3 and figure 1)."""

from collections.abc import Callable

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import BatchNorm, LeakyReLU, Upsample2D
from tfgan_zoo.networks.heads import normal
from tfgan_zoo.networks.shapes import halvings, output_dtype

BOTTOM = 8  # pixels at the lowest resolution of BEGAN's networks


def with_energy(
    images: keras.KerasTensor, embedding: keras.KerasTensor, decoded: keras.KerasTensor, error: Callable
) -> keras.Model:
    """The discriminator of images -> {"energy": [B], "embedding": [B, E], "reconstruction": [B, H, W, C]}.

    error: `keras.ops.square` or `keras.ops.abs`, applied to the difference; the energy is its mean over pixels and channels.
    """
    decoded = keras.layers.Activation("linear", dtype=output_dtype(), name="reconstruction")(decoded)
    energy = keras.ops.mean(error(images - decoded), axis=tuple(range(1, len(images.shape))))
    outputs = {"energy": energy, "embedding": embedding, "reconstruction": decoded}
    return keras.Model({"images": images}, outputs, name="discriminator")


def ebgan_discriminator(image_shape: tuple[int, ...], channels: int = 64) -> keras.Model:
    """4x4 convolutions at stride 2 with BN (except the first) and LeakyReLU, mirrored by transposed ones; the output is linear.

    {"images"} -> {"energy": [B], mean squared error; "embedding": [B, E]; "reconstruction"}.
    channels: width of the first layer, doubling at every halving.
    """
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    count = halvings(image_shape)
    h = images
    for i in range(1, count + 1):
        conv = keras.layers.Conv2D(
            channels * 2 ** (i - 1), 4, 2, "same", use_bias=i == 1, kernel_initializer=normal(), name=f"down_{i}"
        )
        h = conv(h)
        h = BatchNorm(name=f"norm_{i}")(h) if i > 1 else h
        h = LeakyReLU(0.2, name=f"relu_{i}")(h)
    embedding = keras.layers.Flatten(name="embedding", dtype=output_dtype())(h)
    for i in reversed(range(1, count)):
        up = keras.layers.Conv2DTranspose(
            channels * 2 ** (i - 1), 4, 2, "same", use_bias=False, kernel_initializer=normal(), name=f"up_{i}"
        )
        h = LeakyReLU(0.2, name=f"up_relu_{i}")(BatchNorm(name=f"up_norm_{i}")(up(h)))
    h = keras.layers.Conv2DTranspose(image_shape[-1], 4, 2, "same", kernel_initializer=normal(), name="decode")(h)
    return with_energy(images, embedding, h, keras.ops.square)


def levels(image_shape: tuple[int, ...]) -> int:
    """The number of resolutions of BEGAN's networks, from the lowest to the image's.

    Raises:
        ZooError: images that cannot be halved down to 8 to 15 pixels.
    """
    height, width = image_shape[:2] if len(image_shape) == 3 else (0, 0)
    count = 1
    while min(height, width) >> count >= BOTTOM:
        count += 1
    if min(height, width) < BOTTOM or height % 2 ** (count - 1) or width % 2 ** (count - 1):
        raise ZooError(
            f"BEGAN's networks halve images {count - 1} times, and the data has shape {tuple(image_shape)}; set "
            "data.resolution to 16, 32, 64 or 128."
        )
    return count


def conv(h: keras.KerasTensor, filters: int, name: str, strides: int = 1) -> keras.KerasTensor:
    """A 3x3 convolution with ELU."""
    return keras.layers.Conv2D(filters, 3, strides, "same", activation="elu", name=name)(h)


def decoder(
    h: keras.KerasTensor, image_shape: tuple[int, ...], channels: int, skip: bool, prefix: str = ""
) -> keras.KerasTensor:
    """h [B, E] -> [B, H, W, C]: two convolutions per resolution with nearest upsampling between, linear at both ends.

    skip: concatenate the upsampled first feature map to the input of each further resolution.
    """
    count = levels(image_shape)
    height, width = (side >> (count - 1) for side in image_shape[:2])
    h = keras.layers.Dense(height * width * channels, name=f"{prefix}dense")(h)
    h = first = keras.layers.Reshape((height, width, channels), name=f"{prefix}reshape")(h)
    for level in range(count):
        if level:
            h = Upsample2D(name=f"{prefix}up_{level}")(h)
            if skip:
                first = Upsample2D(name=f"{prefix}skip_up_{level}")(first)
                h = keras.layers.Concatenate(name=f"{prefix}skip_{level}")([h, first])
        h = conv(h, channels, f"{prefix}conv_{level}_1")
        h = conv(h, channels, f"{prefix}conv_{level}_2")
    return keras.layers.Conv2D(image_shape[-1], 3, padding="same", name=f"{prefix}to_images")(h)


def began_generator(
    image_shape: tuple[int, ...], noise_size: int = 64, channels: int = 64, skip: bool = False
) -> keras.Model:
    """{"noise"} -> images [B, H, W, C], linear as in the paper, so only roughly in [-1, 1]. channels: of every convolution."""
    noise = keras.Input([noise_size], dtype=output_dtype(), name="noise")
    images = decoder(noise, image_shape, channels, skip)
    images = keras.layers.Activation("linear", dtype=output_dtype(), name="images")(images)
    return keras.Model({"noise": noise}, images, name="generator")


def began_discriminator(
    image_shape: tuple[int, ...], embedding_size: int = 64, channels: int = 64, skip: bool = False
) -> keras.Model:
    """{"images"} -> {"energy": [B], mean absolute error; "embedding": [B, embedding_size]; "reconstruction"}.

    channels: at the first resolution; they grow linearly, and downsampling is by strided convolution.
    """
    count = levels(image_shape)
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    h = conv(images, channels, "encoder_first")
    for level in range(1, count + 1):
        h = conv(h, channels * level, f"encoder_{level}_1")
        h = conv(h, channels * level, f"encoder_{level}_2")
        if level < count:
            h = conv(h, channels * (level + 1), f"encoder_{level}_down", strides=2)
    h = keras.layers.Flatten(name="flatten")(h)
    embedding = keras.layers.Dense(embedding_size, dtype=output_dtype(), name="embedding")(h)
    return with_energy(images, embedding, decoder(embedding, image_shape, channels, skip, "decoder_"), keras.ops.abs)
