"""Plain convolutional networks: DCGAN's (Radford et al. 2015, arXiv:1511.06434) and SNGAN's standard CNN
(Miyato et al. 2018, arXiv:1802.05957, table 3). Convolutions in front of batch normalisation have no bias."""

import keras

from tfgan_zoo.layers import BatchNorm, SpectralNormalization
from tfgan_zoo.networks.shapes import halvings, output_dtype, plain, stem, to_images


def normal():
    """N(0, 0.02), DCGAN's initialisation."""
    return keras.initializers.RandomNormal(stddev=0.02)


def upsampling_body(image_shape, noise_size, widths, size):
    """Dense to widths[0], then one transposed convolution of `size` at stride 2 for each further width, all with BN and
    ReLU. Returns the input and the last activation."""
    count = halvings(image_shape)
    noise = keras.Input([noise_size], dtype=output_dtype(), name="noise")
    bottom = (side >> count for side in image_shape[:2])
    h = stem(noise, *bottom, widths[0], kernel_initializer=normal(), use_bias=False)
    h = keras.layers.ReLU(name="relu_0")(BatchNorm(name="norm_0")(h))
    for i, width in enumerate(widths[1:], 1):
        up = keras.layers.Conv2DTranspose(
            width, size, 2, "same", use_bias=False, kernel_initializer=normal(), name=f"up_{i}"
        )
        h = keras.layers.ReLU(name=f"relu_{i}")(BatchNorm(name=f"norm_{i}")(up(h)))
    return noise, h


def generator(image_shape, noise_size=100, channels=64):
    """DCGAN's: {"noise": [B, noise_size]} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        channels: width of the layer before the image; it doubles at every halving of the resolution.
    """
    widths = [channels * 2**i for i in reversed(range(halvings(image_shape)))]
    noise, h = upsampling_body(image_shape, noise_size, widths, size=5)
    h = keras.layers.Conv2DTranspose(image_shape[-1], 5, 2, "same", kernel_initializer=normal(), name="to_images")(h)
    return keras.Model({"noise": noise}, to_images(h), name="generator")


def discriminator(image_shape, channels=64, wrap=plain, batch_norm=True):
    """DCGAN's: {"images": [B, H, W, C]} -> {"logits": [B, 1], "features": [B, F]}.

    Args:
        channels: width of the first layer; it doubles at every halving of the resolution.
        wrap: applied to every layer with a kernel, such as `SpectralNormalization`.
        batch_norm: BN in all layers but the first and the last, as published; off for penalties and `one_pass`.
    """
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    h = images
    for i in range(halvings(image_shape)):
        norm = batch_norm and i > 0
        layer = keras.layers.Conv2D(
            channels * 2**i, 5, 2, "same", use_bias=not norm, kernel_initializer=normal(), name=f"down_{i + 1}"
        )
        h = wrap(layer)(h)
        h = BatchNorm(name=f"norm_{i + 1}")(h) if norm else h
        h = keras.layers.LeakyReLU(0.2, name=f"relu_{i + 1}")(h)
    return with_logits(images, h, wrap)


def with_logits(images, h, wrap):
    features = keras.layers.Flatten(name="features", dtype=output_dtype())(h)
    logits = keras.layers.Dense(1, kernel_initializer=normal(), dtype=output_dtype(), name="logits")
    outputs = {"logits": wrap(logits)(features), "features": features}
    return keras.Model({"images": images}, outputs, name="discriminator")


def standard_generator(image_shape, noise_size=128, channels=64):
    """SNGAN's standard CNN: 4x4 transposed convolutions at stride 2, then a 3x3 convolution to the image.

    {"noise": [B, noise_size]} -> images [B, H, W, C] in [-1, 1]. channels: width at full resolution.
    """
    widths = [channels * 2**i for i in reversed(range(halvings(image_shape) + 1))]
    noise, h = upsampling_body(image_shape, noise_size, widths, size=4)
    h = keras.layers.Conv2D(image_shape[-1], 3, padding="same", kernel_initializer=normal(), name="to_images")(h)
    return keras.Model({"noise": noise}, to_images(h), name="generator")


def standard_discriminator(image_shape, channels=64, wrap=SpectralNormalization):
    """SNGAN's standard CNN: {"images": [B, H, W, C]} -> {"logits": [B, 1], "features": [B, F]}.

    Pairs of a 3x3 convolution and a 4x4 one at stride 2, LeakyReLU 0.1, widths doubling from `channels`, a last 3x3.
    """
    halvings(image_shape)
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    h = images
    for i in range(3):
        for size, stride in ((3, 1), (4, 2)):
            layer = keras.layers.Conv2D(
                channels * 2**i, size, stride, "same", kernel_initializer=normal(), name=f"conv_{i + 1}_{size}x{size}"
            )
            h = keras.layers.LeakyReLU(0.1, name=f"relu_{i + 1}_{size}x{size}")(wrap(layer)(h))
    layer = keras.layers.Conv2D(channels * 8, 3, padding="same", kernel_initializer=normal(), name="conv_4_3x3")
    h = keras.layers.LeakyReLU(0.1, name="relu_4_3x3")(wrap(layer)(h))
    return with_logits(images, h, wrap)
