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
from tfgan_zoo.networks.shapes import output_dtype

EXPANSION = 2  # a block's grouped convolution is this many times wider than the block
SLOPE = 0.2


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


def check(image_shape: tuple[int, ...], widths: tuple[int, ...], groups: tuple[int, ...]) -> None:
    """Refuses sizes that do not go together.

    Raises:
        ZooError: points; images that cannot be halved that often; a width that its groups do not divide.
    """
    stages = len(widths)
    if len(image_shape) != 3:
        raise ZooError(
            f"the data has shape {tuple(image_shape)}: r3gan expects images; for points use --model=wgan_gp."
        )
    if len(groups) != stages:
        raise ZooError(
            f"arguments.groups has {len(groups)} numbers and arguments.widths {stages}; expected one each per stage."
        )
    unit = 2 ** (stages - 1)
    if any(side % unit or side // unit < 4 for side in image_shape[:2]):
        raise ZooError(
            f"images of {image_shape[0]}x{image_shape[1]} cannot be halved {stages - 1} times down to 4 or more pixels, which "
            f"{stages} arguments.widths ask for; set data.resolution to a multiple of {unit} from {4 * unit} on, or give other widths."
        )
    for width, count in zip(widths, groups, strict=True):
        if EXPANSION * width % count:
            raise ZooError(
                f"arguments.groups={list(groups)}: a stage of width {width} has convolutions of {EXPANSION * width} channels, which "
                f"{count} groups do not divide; use one of its divisors, such as {math.gcd(EXPANSION * width, count)}."
            )


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
        image_shape: (H, W, C).
        noise_size: length of the latent.
        widths: channels of each stage, the lowest resolution first.
        groups: of each stage's 3x3 convolutions.
        blocks: per stage.
        num_classes: 0 for a generator without labels.
        class_size: of the class embedding; as long as the latent by default.

    Raises:
        ZooError: see `check`.
    """
    check(image_shape, widths, groups)
    height, width, channels = image_shape
    halvings, total = len(widths) - 1, blocks * len(widths)
    inputs = generator_inputs(noise_size, num_classes)
    vectors = [inputs["noise"]]
    if num_classes:
        vectors.append(linear(class_size or noise_size, "label_embedding")(one_hot(inputs["labels"], num_classes)))
    h = linear(widths[0], "scale")(joined(vectors))
    h = ScaledBasis(height >> halvings, width >> halvings, name="basis")(h)
    for i, (filters, count) in enumerate(zip(widths, groups, strict=True)):
        if h.shape[-1] != filters:
            h = pointwise(filters, f"stage_{i}_width")(h)
        h = BlurUpsample2D(name=f"stage_{i}_up")(h) if i else h
        for j in range(blocks):
            h = block(h, count, total, f"stage_{i}_block_{j}")
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

    Raises:
        ZooError: see `check`.
    """
    check(image_shape, widths, groups)
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
