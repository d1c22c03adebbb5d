"""Plain convolutional networks: DCGAN's (Radford et al. 2015, arXiv:1511.06434) and SNGAN's standard CNN
(Miyato et al. 2018, arXiv:1802.05957, table 3). Convolutions followed by batch normalisation have no bias."""

from collections.abc import Callable

import keras

from tfgan_zoo.core.priors import Codes
from tfgan_zoo.layers import (
    BatchNorm,
    Dropout,
    GaussianNoise,
    LeakyReLU,
    MinibatchDiscrimination,
    SpectralNormalization,
)
from tfgan_zoo.networks.heads import dense_heads, normal
from tfgan_zoo.networks.inputs import as_vectors, generator_inputs, join, joined, labels_input, short_vector
from tfgan_zoo.networks.shapes import halvings, output_dtype, plain, stem, to_images


def upsampling_body(
    image_shape: tuple[int, ...],
    h: keras.KerasTensor,
    widths: list[int],
    size: int,
    condition: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """Dense to widths[0], then a transposed convolution of `size` at stride 2 per further width, all with BN and ReLU.

    h: [B, N]; condition: a vector [B, V] that is concatenated to the input of each convolution. Returns the last activation.
    """
    count = halvings(image_shape)
    h = stem(
        h, image_shape[0] >> count, image_shape[1] >> count, widths[0], kernel_initializer=normal(), use_bias=False
    )
    h = keras.layers.ReLU(name="relu_0")(BatchNorm(name="norm_0")(h))
    for i, width in enumerate(widths[1:], 1):
        up = keras.layers.Conv2DTranspose(
            width, size, 2, "same", use_bias=False, kernel_initializer=normal(), name=f"up_{i}"
        )
        h = keras.layers.ReLU(name=f"relu_{i}")(BatchNorm(name=f"norm_{i}")(up(join(h, condition))))
    return h


def generator(
    image_shape: tuple[int, ...],
    noise_size: int = 100,
    channels: int = 64,
    num_classes: int = 0,
    codes: Codes | None = None,
    label_size: int | None = None,
) -> keras.Model:
    """DCGAN's: {"noise", "labels"?, "codes"?} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C); C is 1, 3 or 4.
        noise_size: length of the latent.
        channels: width of the layer before the image; it doubles at every halving of the resolution.
        num_classes: 0 for a generator without labels.
        codes: InfoGAN's codes, or None.
        label_size: map labels linearly to a vector of this length, which is concatenated to the input of every layer
            (LSGAN); None for one-hot labels concatenated to the noise.
    """
    widths = [channels * 2**i for i in reversed(range(halvings(image_shape)))]
    inputs = generator_inputs(noise_size, num_classes, codes)
    condition = None
    if label_size is not None and num_classes > 0:
        condition = short_vector(inputs["labels"], num_classes, label_size)
    h = join(joined(as_vectors(inputs, num_classes if condition is None else 0, codes)), condition)
    h = upsampling_body(image_shape, h, widths, 5, condition)
    h = keras.layers.Conv2DTranspose(image_shape[-1], 5, 2, "same", kernel_initializer=normal(), name="to_images")(
        join(h, condition)
    )
    return keras.Model(inputs, to_images(h), name="generator")


def discriminator(
    image_shape: tuple[int, ...],
    channels: int = 64,
    wrap: Callable = plain,
    norm: Callable | None = BatchNorm,
    noise: float = 0.0,
    dropout: float = 0.0,
    heads: Callable | None = None,
    num_classes: int = 0,
    label_size: int | None = None,
    minibatch_kernels: int = 0,
) -> keras.Model:
    """DCGAN's: {"images", "labels"?} -> {"logits": [B, 1] or the outputs of `heads`, "features": [B, F]}.

    Args:
        image_shape: (H, W, C).
        channels: width of the first layer; it doubles at every halving of the resolution.
        wrap: applied to every layer with a kernel, such as `SpectralNormalization`.
        norm: layer class after every convolution except the first, BN as published; None for penalties and `one_pass`.
        noise: standard deviation of the Gaussian noise added to the input of each convolution.
        dropout: dropout rate after each activation.
        heads: function features -> outputs, see `networks.heads`.
        num_classes, label_size: map labels linearly to a vector of length `label_size`, which is concatenated to the input of
            every layer; `num_classes` 0 for a discriminator without labels.
        minibatch_kernels: kernels of minibatch discrimination on the features; 0 for none.
    """
    inputs = {"images": keras.Input(image_shape, dtype=output_dtype(), name="images")}
    condition = None
    if num_classes:
        if label_size is None:
            raise ValueError(f"num_classes={num_classes}, label_size=None: expected the length of the labels' vector.")
        inputs["labels"] = labels_input()
        condition = short_vector(inputs["labels"], num_classes, label_size)
    h = inputs["images"]
    for i in range(1, halvings(image_shape) + 1):
        normalised = norm is not None and i > 1
        layer = keras.layers.Conv2D(
            channels * 2 ** (i - 1),
            5,
            2,
            "same",
            use_bias=not normalised,
            kernel_initializer=normal(),
            name=f"down_{i}",
        )
        h = GaussianNoise(noise, name=f"noise_{i}")(h) if noise else h
        h = wrap(layer)(join(h, condition))
        h = norm(name=f"norm_{i}")(h) if norm and normalised else h
        h = LeakyReLU(0.2, name=f"relu_{i}")(h)
        h = Dropout(dropout, name=f"dropout_{i}")(h) if dropout else h
    features = join(keras.layers.Flatten(name="features", dtype=output_dtype())(h), condition)
    h = MinibatchDiscrimination(minibatch_kernels, name="minibatch")(features) if minibatch_kernels else features
    outputs = (heads or dense_heads(wrap, logits=1))(h)
    return keras.Model(inputs, {**outputs, "features": features}, name="discriminator")


def standard_generator(image_shape: tuple[int, ...], noise_size: int = 128, channels: int = 64) -> keras.Model:
    """SNGAN's standard CNN: 4x4 transposed convolutions at stride 2, then a 3x3 convolution to the image.

    {"noise": [B, noise_size]} -> images [B, H, W, C] in [-1, 1]. channels: width at full resolution.
    """
    widths = [channels * 2**i for i in reversed(range(halvings(image_shape) + 1))]
    noise = keras.Input([noise_size], dtype=output_dtype(), name="noise")
    h = upsampling_body(image_shape, noise, widths, size=4)
    h = keras.layers.Conv2D(image_shape[-1], 3, padding="same", kernel_initializer=normal(), name="to_images")(h)
    return keras.Model({"noise": noise}, to_images(h), name="generator")


def standard_discriminator(
    image_shape: tuple[int, ...], channels: int = 64, wrap: Callable = SpectralNormalization
) -> keras.Model:
    """SNGAN's standard CNN: {"images": [B, H, W, C]} -> {"logits": [B, 1], "features": [B, F]}.

    Three pairs of a 3x3 convolution and a 4x4 one at stride 2, widths doubling from `channels`, then a 3x3; LeakyReLU 0.1.
    """
    halvings(image_shape)
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")
    h = images
    for i in range(3):
        for size, stride in ((3, 1), (4, 2)):
            layer = keras.layers.Conv2D(
                channels * 2**i, size, stride, "same", kernel_initializer=normal(), name=f"conv_{i + 1}_{size}x{size}"
            )
            h = LeakyReLU(0.1, name=f"relu_{i + 1}_{size}x{size}")(wrap(layer)(h))
    layer = keras.layers.Conv2D(channels * 8, 3, padding="same", kernel_initializer=normal(), name="conv_4_3x3")
    h = LeakyReLU(0.1, name="relu_4_3x3")(wrap(layer)(h))
    features = keras.layers.Flatten(name="features", dtype=output_dtype())(h)
    outputs = dense_heads(wrap, logits=1)(features)
    return keras.Model({"images": images}, {**outputs, "features": features}, name="discriminator")
