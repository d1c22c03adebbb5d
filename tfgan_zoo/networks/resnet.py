"""The residual networks of Miyato et al. 2018, arXiv:1802.05957, appendix B.4, for images of 16 to 128 pixels and more.

With labels they are those of Miyato and Koyama 2018, arXiv:1802.05637; with attention, of Zhang et al. 2018, arXiv:1805.08318.

Deviations that do not change the function: a 1x1 shortcut comes before upsampling and after average pooling, and a 3x3
convolution next to nearest upsampling or pooling is fused with it (`UpsampleConv2D`, `ConvDownsample2D`), which halves the work.
"""

import functools
from collections.abc import Callable

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import (
    BatchNorm,
    BilinearUpsample2D,
    ConditionalBatchNorm,
    ConvDownsample2D,
    ReLU,
    SpectralNormalization,
    Upsample2D,
    UpsampleConv2D,
)
from tfgan_zoo.networks.conditioning import Unconditional
from tfgan_zoo.networks.inputs import generator_inputs, labels_input
from tfgan_zoo.networks.shapes import glorot, halvings, output_dtype, plain, stem, to_images

SMALL = (
    48  # pixels; below, every block has the same width (CIFAR-10, table 4), from here on widths double (tables 5 and 6)
)

# By the number of upsamplings from the stem to the image: the discriminator's blocks that downsample, and those that do not.
LARGE_DISCRIMINATORS = {3: (4, 1), 4: (5, 0), 5: (5, 1)}


def conv(
    kind: type, filters: int, name: str, wrap: Callable = plain, size: int = 3, gain: float = 2**0.5
) -> keras.layers.Layer:
    """A convolution with the authors' gains: sqrt(2) in blocks, 1 elsewhere."""
    return wrap(kind(filters, size, padding="same", kernel_initializer=glorot(gain), name=name))


def batch_norm(
    h: keras.KerasTensor, name: str, labels: keras.KerasTensor | None = None, num_classes: int = 0
) -> keras.KerasTensor:
    """Batch norm of h [B, ..., C], conditional on the labels if there are classes."""
    return ConditionalBatchNorm(num_classes, name=name)([h, labels]) if num_classes else BatchNorm(name=name)(h)


def generator_block(
    x: keras.KerasTensor, filters: int, name: str, norm: Callable, wrap: Callable, bilinear: bool
) -> keras.KerasTensor:
    """BN, ReLU, upsampling, conv, BN, ReLU, conv, beside a 1x1 shortcut: [B, h, w, c] -> [B, 2h, 2w, filters].

    norm: a function (h, name) -> h. bilinear: bilinear instead of nearest upsampling.
    """
    h = keras.layers.ReLU(name=f"{name}_relu_1")(norm(x, f"{name}_norm_1"))
    h = BilinearUpsample2D(name=f"{name}_up")(h) if bilinear else h
    h = conv(keras.layers.Conv2D if bilinear else UpsampleConv2D, filters, f"{name}_conv_1", wrap)(h)
    h = keras.layers.ReLU(name=f"{name}_relu_2")(norm(h, f"{name}_norm_2"))
    h = conv(keras.layers.Conv2D, filters, f"{name}_conv_2", wrap)(h)
    shortcut = conv(keras.layers.Conv2D, filters, f"{name}_shortcut", wrap, size=1, gain=1)(x)
    shortcut = (BilinearUpsample2D if bilinear else Upsample2D)(name=f"{name}_shortcut_up")(shortcut)
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


def discriminator_block(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    wrap: Callable,
    down: bool,
    first: bool = False,
    activated_shortcut: bool = False,
) -> keras.KerasTensor:
    """ReLU, conv, ReLU, conv, average pooling if `down`, beside a shortcut that is 1x1 if the shape changes.

    The input of the first block is the image: it is not activated, and the first convolution already widens it.
    activated_shortcut: the shortcut starts after the first ReLU.
    """
    channels = x.shape[-1]
    h = x if first else ReLU(name=f"{name}_relu_1")(x)
    shortcut = h if activated_shortcut else x
    h = conv(keras.layers.Conv2D, filters if first else channels, f"{name}_conv_1", wrap)(h)
    h = ReLU(name=f"{name}_relu_2")(h)
    h = conv(ConvDownsample2D if down else keras.layers.Conv2D, filters, f"{name}_conv_2", wrap)(h)
    if down:
        shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_down")(shortcut)
    if down or filters != channels:
        shortcut = conv(keras.layers.Conv2D, filters, f"{name}_shortcut", wrap, size=1, gain=1)(shortcut)
    return keras.layers.Add(name=f"{name}_add")([h, shortcut])


class Attention:
    """The layers to insert after the first block that ends at a resolution: {pixels of the shorter side: layer}."""

    def __init__(self, layers: dict[int, keras.layers.Layer] | None):
        self.waiting = dict(layers or {})
        self.passed: list[int] = []

    def after(self, h: keras.KerasTensor) -> keras.KerasTensor:
        """The output h [B, H, W, C] of a block, passed through the layer for its resolution, if there is one."""
        pixels = min(h.shape[1:3])
        self.passed.append(pixels)
        layer = self.waiting.pop(pixels, plain)
        return layer(h)

    def check(self, network: str) -> None:
        """Raises a `ZooError` if a layer is left over after the last block."""
        for pixels in self.waiting:
            existing = ", ".join(map(str, dict.fromkeys(self.passed)))
            raise ZooError(
                f"attention at {pixels} pixels: no block of the {network} ends at that resolution; use one of {existing}."
            )


def generator(
    image_shape: tuple[int, ...],
    noise_size: int = 128,
    channels: int | None = None,
    *,
    num_classes: int = 0,
    wrap: Callable = plain,
    attention: dict[int, keras.layers.Layer] | None = None,
    bilinear: bool = False,
) -> keras.Model:
    """{"noise": [B, noise_size], "labels"?: [B]} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        channels: width at full resolution; by default as published, 256 below 48 pixels and 64 from there on.
        num_classes: condition batch norm in the blocks on labels (the last one is plain); 0 for no labels.
        wrap: applied to every layer with a kernel, except those of batch norm.
        attention: {resolution: layer}; the layer, such as `SelfAttention`, follows the block that ends there.
        bilinear: bilinear upsampling, as in torch-mimicry, instead of nearest.

    Raises:
        ZooError: images that cannot be halved often enough; no block ends at a resolution of `attention`.
    """
    height, width, image_channels = image_shape
    count = halvings(image_shape)
    small = min(height, width) < SMALL
    channels = channels or (256 if small else 64)
    widths = [channels if small else min(channels * 2 ** (count - i), 16 * channels) for i in range(count + 1)]
    inputs, attentions = generator_inputs(noise_size, num_classes), Attention(attention)
    norm = functools.partial(batch_norm, labels=inputs.get("labels"), num_classes=num_classes)
    h = stem(inputs["noise"], height >> count, width >> count, widths[0], wrap, kernel_initializer=glorot())
    for i, filters in enumerate(widths[1:], 1):
        h = attentions.after(generator_block(h, filters, f"block_{i}", norm, wrap, bilinear))
    attentions.check("generator")
    h = keras.layers.ReLU(name="relu")(batch_norm(h, "norm"))
    h = conv(keras.layers.Conv2D, image_channels, "to_images", wrap, gain=1)(h)
    return keras.Model(inputs, to_images(h), name="generator")


def discriminator(
    image_shape: tuple[int, ...],
    channels: int | None = None,
    wrap: Callable = SpectralNormalization,
    *,
    conditioning: Unconditional | None = None,
    attention: dict[int, keras.layers.Layer] | None = None,
    activated_shortcut: bool = False,
    pooling: Callable = keras.ops.sum,
) -> keras.Model:
    """{"images": [B, H, W, C], "labels"?: [B]} -> {"logits": [B, 1], "features": [B, F], ...}.

    Args:
        image_shape: (H, W, C).
        channels: width at full resolution; by default as published, 128 below 48 pixels and 64 from there on.
        wrap: applied to every layer with a kernel.
        conditioning: a class of `networks/conditioning.py`, how the label is used; by default not at all.
        attention: {resolution: layer}; the layer, such as `SelfAttention`, follows the first block that ends there.
        activated_shortcut: shortcuts start after a block's first ReLU, as they do in torch-mimicry, whose ReLU works in place.
        pooling: of the last activation over positions, to the features: `keras.ops.sum` or `mean`.

    Raises:
        ZooError: images that cannot be halved often enough; no block ends at a resolution of `attention`.
    """
    count = halvings(image_shape)
    small = min(image_shape[:2]) < SMALL
    channels = channels or (128 if small else 64)
    conditioning, attentions = conditioning or Unconditional(), Attention(attention)
    down, flat = (2, 2) if small else LARGE_DISCRIMINATORS[count]
    widths = [channels if small else min(channels * 2**i, 16 * channels) for i in range(down + flat)]
    inputs = {"images": keras.Input(image_shape, dtype=output_dtype(), name="images")}
    if conditioning.sees_labels:
        inputs["labels"] = labels_input()
    labels, h = inputs.get("labels"), inputs["images"]
    for i, filters in enumerate(widths):
        form = {"down": i < down, "first": i == 0, "activated_shortcut": activated_shortcut}
        h = attentions.after(discriminator_block(h, filters, f"block_{i + 1}", wrap, **form))
        if i + 1 == len(widths) // 2:
            h = conditioning.hidden(h, labels, wrap)
    attentions.check("discriminator")
    features = pooling(ReLU(name="relu", dtype=output_dtype())(h), axis=(1, 2))
    outputs = conditioning.outputs(features, labels, wrap)
    return keras.Model(inputs, {**outputs, "features": features}, name="discriminator")
