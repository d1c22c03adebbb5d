"""R3GAN's networks: residual blocks of grouped convolutions, without normalisation. Huang et al. 2024, arXiv:2501.05441.

A stage is a transition, which resamples by 2 and changes the width, and blocks; the discriminator has the blocks first. No
convolution has a bias of its own, but each nonlinearity adds one before it. Images are the last convolution's output, unbounded.
"""

import functools
import math

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import (
    BlurDownsample2D,
    BlurUpsample2D,
    DepthwiseConv2D,
    GroupedConv2D,
    LeakyReLU,
    ScaledBasis,
)
from tfgan_zoo.networks.inputs import generator_inputs, joined, labels_input, one_hot
from tfgan_zoo.networks.shapes import halvings, output_dtype

EXPANSION = 2  # a block's grouped convolution is this many times wider than the block
SLOPE = 0.2
MOST = 8  # halvings, of 1024 pixels to 4


def normal(gain: float = 1.0) -> keras.Initializer:
    """N(0, gain^2 / fan_in); zeros for a gain of 0."""
    if not gain:
        return keras.initializers.Zeros()
    return keras.initializers.VarianceScaling(gain**2, mode="fan_in", distribution="untruncated_normal")


def linear(size: int, name: str, gain: float = 1.0, dtype: str | None = None) -> keras.layers.Dense:
    """A dense layer without bias."""
    return keras.layers.Dense(size, use_bias=False, kernel_initializer=normal(gain), name=name, dtype=dtype)


def pointwise(filters: int, name: str, gain: float = 1.0, bias: bool = False) -> keras.layers.Conv2D:
    """A 1x1 convolution."""
    return keras.layers.Conv2D(filters, 1, use_bias=bias, kernel_initializer=normal(gain), name=name)


def block(x: keras.KerasTensor, groups: int, blocks: int, name: str) -> keras.KerasTensor:
    """x + 1x1(f(grouped 3x3(f(1x1(x))))), f a bias and LeakyReLU: [B, h, w, C] -> [B, h, w, C].

    blocks: of the whole network, by which the initial kernels are scaled down, so that its output keeps its size.
    """
    channels = x.shape[-1]
    gain = math.sqrt(2 / (1 + SLOPE**2)) * blocks**-0.25
    h = pointwise(EXPANSION * channels, f"{name}_widen", gain, bias=True)(x)
    h = LeakyReLU(SLOPE, name=f"{name}_relu_1")(h)
    h = GroupedConv2D(
        EXPANSION * channels, 3, padding="same", groups=groups, kernel_initializer=normal(gain), name=f"{name}_conv"
    )(h)
    h = LeakyReLU(SLOPE, name=f"{name}_relu_2")(h)
    h = pointwise(channels, f"{name}_narrow", gain=0)(h)
    return keras.layers.Add(name=f"{name}_add")([x, h])


def stage_widths(image_shape: tuple[int, ...], channels: int, full_resolution: int) -> tuple[int, ...]:
    """The channels of each stage, the lowest resolution first: `channels` up to `full_resolution` pixels, then half at each doubling.

    Raises:
        ZooError: points; images that cannot be halved often enough; no channel is left.

    Examples:
        >>> stage_widths((64, 64, 3), 768, 32)
        (768, 768, 768, 768, 384)
    """
    count = halvings(image_shape, MOST)
    sides = [min(image_shape[:2]) >> (count - i) for i in range(count + 1)]
    beyond = [sum(side > full_resolution for side in sides[: i + 1]) for i in range(count + 1)]
    widths = tuple(channels >> times for times in beyond)
    if not widths[-1]:
        raise ZooError(
            f"arguments.channels={channels} halves {beyond[-1]} times up to {sides[-1]} pixels; use {2 ** beyond[-1]} or more, or a "
            f"larger arguments.full_resolution than {full_resolution}."
        )
    return widths


def stage_groups(widths: tuple[int, ...], group_size: int) -> tuple[int, ...]:
    """The groups of each stage's 3x3 convolutions: of `group_size` channels, or one group where there are no more.

    Raises:
        ZooError: a stage's channels are not a multiple of `group_size`.

    Examples:
        >>> stage_groups((768, 384, 4), 16)
        (96, 48, 1)
    """
    for width in widths:
        if EXPANSION * width > group_size and EXPANSION * width % group_size:
            raise ZooError(
                f"arguments.group_size={group_size} does not divide the {EXPANSION * width} channels of a stage's convolutions; use "
                f"{math.gcd(group_size, *(EXPANSION * w for w in widths))}."
            )
    return tuple(max(1, EXPANSION * width // group_size) for width in widths)


def generator(
    image_shape: tuple[int, ...],
    noise_size: int,
    widths: tuple[int, ...],
    groups: tuple[int, ...],
    blocks: int = 2,
    num_classes: int = 0,
    class_size: int | None = None,
) -> keras.Model:
    """{"noise": [B, noise_size], "labels"?: [B]} -> images [B, H, W, C], around [-1, 1].

    Args:
        image_shape: (H, W, C), which can be halved once less often than there are widths.
        noise_size: length of the latent.
        widths: channels of each stage, the lowest resolution first.
        groups: of each stage's 3x3 convolutions.
        blocks: per stage.
        num_classes: 0 for a generator without labels.
        class_size: of the class embedding; as long as the latent by default.
    """
    height, width, channels = image_shape
    count, total = len(widths) - 1, blocks * len(widths)
    inputs = generator_inputs(noise_size, num_classes)
    vectors = [inputs["noise"]]
    if num_classes:
        vectors.append(linear(class_size or noise_size, "label_embedding")(one_hot(inputs["labels"], num_classes)))
    h = linear(widths[0], "scale")(joined(vectors))
    h = ScaledBasis(height >> count, width >> count, name="basis")(h)
    for i, (filters, of_groups) in enumerate(zip(widths, groups, strict=True)):
        if h.shape[-1] != filters:
            h = pointwise(filters, f"stage_{i}_width")(h)
        h = BlurUpsample2D(name=f"stage_{i}_up")(h) if i else h
        for j in range(blocks):
            h = block(h, of_groups, total, f"stage_{i}_block_{j}")
    images = keras.layers.Conv2D(
        channels, 1, use_bias=False, kernel_initializer=normal(), dtype=output_dtype(), name="images"
    )(h)
    return keras.Model(inputs, images, name="generator")


def discriminator(
    image_shape: tuple[int, ...],
    widths: tuple[int, ...],
    groups: tuple[int, ...],
    blocks: int = 2,
    num_classes: int = 0,
) -> keras.Model:
    """{"images": [B, H, W, C], "labels"?: [B]} -> {"logits": [B, 1], "features": [B, widths[0]]}; the generator's mirror.

    With labels, the logit is the inner product of a linear map of the features with an embedding of the class.

    Args:
        image_shape, widths, groups, blocks, num_classes: as of `generator`.
    """
    total, last = blocks * len(widths), len(widths) - 1
    inputs = {"images": keras.Input(image_shape, dtype=output_dtype(), name="images")}
    h = pointwise(widths[-1], "from_images")(inputs["images"])
    for i in range(last, -1, -1):
        for j in range(blocks):
            h = block(h, groups[i], total, f"stage_{i}_block_{j}")
        if i:
            h = BlurDownsample2D(name=f"stage_{i}_down")(h)
            if widths[i - 1] != widths[i]:
                h = pointwise(widths[i - 1], f"stage_{i}_width")(h)
    h = DepthwiseConv2D(h.shape[1:3], use_bias=False, kernel_initializer=normal(), name="basis")(h)
    features = keras.layers.Flatten(dtype=output_dtype(), name="features")(h)
    full = functools.partial(linear, dtype=output_dtype())
    if num_classes:
        inputs["labels"] = labels_input()
        mapped = full(widths[0], "logits")(features)
        embedding = full(widths[0], "label_embedding", widths[0] ** -0.5)
        classes = embedding(one_hot(inputs["labels"], num_classes))
        logits = keras.ops.sum(mapped * classes, axis=-1, keepdims=True)
    else:
        logits = full(1, "logits")(features)
    return keras.Model(inputs, {"logits": logits, "features": features}, name="discriminator")
