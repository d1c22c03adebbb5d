"""The residual networks of Miyato et al. 2018, arXiv:1802.05957, appendix B.4, for images of 16 to 128 pixels and more.

Deviations that do not change the function: a 1x1 shortcut comes before nearest upsampling and after average pooling,
and a 3x3 convolution next to either is fused with it (`UpsampleConv2D`, `ConvDownsample2D`), which halves the work.
"""

import keras

from tfgan_zoo.layers import BatchNorm, ConvDownsample2D, SpectralNormalization, Upsample2D, UpsampleConv2D
from tfgan_zoo.networks.shapes import halvings, output_dtype, plain, stem, to_images

SMALL = 48  # below, every block has the same width (CIFAR-10, table 4); from here on widths double (tables 5 and 6)

# By the number of upsamplings from the stem to the image: the discriminator's blocks that halve, and those that do not.
LARGE_DISCRIMINATORS = {3: (4, 1), 4: (5, 0), 5: (5, 1)}


def glorot(gain=1.0):
    """Glorot's uniform initialisation with a gain, as the authors' code has it: sqrt(2) in blocks, 1 elsewhere."""
    return keras.initializers.VarianceScaling(gain**2, mode="fan_avg", distribution="uniform")


def conv(kind, filters, name, wrap=plain, size=3, gain=2**0.5):
    return wrap(kind(filters, size, padding="same", kernel_initializer=glorot(gain), name=name))


def generator_block(x, filters, name):
    """BN, ReLU, upsampling, conv, BN, ReLU, conv, beside a 1x1 shortcut: [B, h, w, c] -> [B, 2h, 2w, filters]."""
    h = keras.layers.ReLU(name=f"{name}_relu_1")(BatchNorm(name=f"{name}_norm_1")(x))
    h = conv(UpsampleConv2D, filters, f"{name}_conv_1")(h)
    h = keras.layers.ReLU(name=f"{name}_relu_2")(BatchNorm(name=f"{name}_norm_2")(h))
    h = conv(keras.layers.Conv2D, filters, f"{name}_conv_2")(h)
    shortcut = conv(keras.layers.Conv2D, filters, f"{name}_shortcut", size=1, gain=1)(x)
    shortcut = Upsample2D(name=f"{name}_shortcut_up")(shortcut)
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def discriminator_block(x, filters, name, wrap, down, first=False):
    """ReLU, conv, ReLU, conv, average pooling where `down`, beside a shortcut, 1x1 where the shape changes.

    The first block sees the image, which is not activated, and widens it in its first convolution.
    """
    channels = x.shape[-1]
    h = x if first else keras.layers.ReLU(name=f"{name}_relu_1")(x)
    h = conv(keras.layers.Conv2D, filters if first else channels, f"{name}_conv_1", wrap)(h)
    h = keras.layers.ReLU(name=f"{name}_relu_2")(h)
    h = conv(ConvDownsample2D if down else keras.layers.Conv2D, filters, f"{name}_conv_2", wrap)(h)
    shortcut = x
    if down:
        shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_down")(shortcut)
    if down or filters != channels:
        shortcut = conv(keras.layers.Conv2D, filters, f"{name}_shortcut", wrap, size=1, gain=1)(shortcut)
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def generator(image_shape, noise_size=128, channels=None):
    """{"noise": [B, noise_size]} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        channels: width at full resolution; 256 below 48 pixels and 64 from there on, as published, where left out.
    """
    height, width, image_channels = image_shape
    count = halvings(image_shape)
    small = min(height, width) < SMALL
    channels = channels or (256 if small else 64)
    widths = [channels if small else min(channels * 2 ** (count - i), 16 * channels) for i in range(count + 1)]
    noise = keras.Input([noise_size], dtype=output_dtype(), name="noise")
    h = stem(noise, height >> count, width >> count, widths[0], kernel_initializer=glorot())
    for i, filters in enumerate(widths[1:], 1):
        h = generator_block(h, filters, f"block_{i}")
    h = keras.layers.ReLU(name="relu")(BatchNorm(name="norm")(h))
    h = conv(keras.layers.Conv2D, image_channels, "to_images", gain=1)(h)
    return keras.Model({"noise": noise}, to_images(h), name="generator")


def discriminator(image_shape, channels=None, wrap=SpectralNormalization):
    """{"images": [B, H, W, C]} -> {"logits": [B, 1], "features": [B, F]}; features are summed over positions.

    Args:
        image_shape: (H, W, C).
        channels: width at full resolution; 128 below 48 pixels and 64 from there on, as published, where left out.
        wrap: applied to every layer with a kernel.
    """
    count = halvings(image_shape)
    small = min(image_shape[:2]) < SMALL
    channels = channels or (128 if small else 64)
    down, flat = (2, 2) if small else LARGE_DISCRIMINATORS[count]
    widths = [channels if small else min(channels * 2**i, 16 * channels) for i in range(down + flat)]
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    h = images
    for i, filters in enumerate(widths):
        h = discriminator_block(h, filters, f"block_{i + 1}", wrap, down=i < down, first=i == 0)
    h = keras.layers.ReLU(name="relu", dtype=output_dtype())(h)
    features = keras.ops.sum(h, axis=(1, 2))
    logits = wrap(keras.layers.Dense(1, kernel_initializer=glorot(), dtype=output_dtype(), name="logits"))(features)
    return keras.Model({"images": images}, {"logits": logits, "features": features}, name="discriminator")
