"""InfoGAN's networks for MNIST: two strided convolutions and a dense layer. Chen et al. 2016, arXiv:1606.03657, appendix C.1.

For small images whose sides are divisible by 4. Layers followed by batch normalisation have no bias.
"""

from collections.abc import Callable

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.priors import Codes
from tfgan_zoo.layers import BatchNorm, Dropout, GaussianNoise, LeakyReLU, MinibatchDiscrimination
from tfgan_zoo.networks.heads import dense_heads, normal
from tfgan_zoo.networks.inputs import as_vectors, generator_inputs, joined
from tfgan_zoo.networks.shapes import output_dtype, plain, stem, to_images


def check(image_shape: tuple[int, ...]) -> None:
    """Raises a `ZooError` unless these networks fit images of this shape."""
    if len(image_shape) != 3 or image_shape[0] % 4 or image_shape[1] % 4 or min(image_shape[:2]) < 8:
        raise ZooError(
            f"the data has shape {tuple(image_shape)}: this network expects images whose sides are divisible by 4 and at least "
            "8 pixels; set data.resolution, such as 28 or 32, or arguments.network=mlp for points."
        )


def generator(
    image_shape: tuple[int, ...],
    noise_size: int = 62,
    dense: int = 1024,
    channels: int = 64,
    num_classes: int = 0,
    codes: Codes | None = None,
) -> keras.Model:
    """{"noise", "labels"?, "codes"?} -> images [B, H, W, C] in [-1, 1].

    Args:
        image_shape: (H, W, C), sides divisible by 4.
        dense: width of the first dense layer.
        channels: width at half resolution; twice as many at a quarter.
        num_classes: 0 for a generator without labels.
        codes: InfoGAN's codes, or None.
    """
    check(image_shape)
    height, width, image_channels = image_shape
    inputs = generator_inputs(noise_size, num_classes, codes)
    h = joined(as_vectors(inputs, num_classes, codes))
    h = keras.layers.Dense(dense, use_bias=False, kernel_initializer=normal(), name="first_dense")(h)
    h = keras.layers.ReLU(name="relu_0")(BatchNorm(name="norm_0")(h))
    h = stem(h, height // 4, width // 4, 2 * channels, kernel_initializer=normal(), use_bias=False)
    h = keras.layers.ReLU(name="relu_1")(BatchNorm(name="norm_1")(h))
    up = keras.layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False, kernel_initializer=normal(), name="up")
    h = keras.layers.ReLU(name="relu_2")(BatchNorm(name="norm_2")(up(h)))
    up = keras.layers.Conv2DTranspose(image_channels, 4, 2, "same", kernel_initializer=normal(), name="to_images")
    return keras.Model(inputs, to_images(up(h)), name="generator")


def discriminator(
    image_shape: tuple[int, ...],
    dense: int = 1024,
    channels: int = 64,
    wrap: Callable = plain,
    norm: Callable | None = BatchNorm,
    noise: float = 0.0,
    dropout: float = 0.0,
    minibatch_kernels: int = 0,
    heads: Callable | None = None,
) -> keras.Model:
    """{"images"} -> {"logits": [B, 1] or the outputs of `heads`, "features": [B, F]}.

    Args:
        image_shape: (H, W, C), sides divisible by 4.
        dense: width of the dense layer.
        channels: width at half resolution.
        wrap: applied to every layer with a kernel, such as `SpectralNormalization`.
        norm: layer class before every activation except the first, or None.
        noise: standard deviation of the Gaussian noise added to the input of each of the three layers.
        dropout: dropout rate of the features.
        minibatch_kernels: kernels of minibatch discrimination on the features; 0 for none.
        heads: function features -> outputs, see `networks.heads`.
    """
    check(image_shape)
    images = keras.Input(image_shape, dtype=output_dtype(), name="images")

    def block(h: keras.KerasTensor, layer: keras.layers.Layer, name: str, normalised: bool = True) -> keras.KerasTensor:
        h = GaussianNoise(noise, name=f"noise_{name}")(h) if noise else h
        h = wrap(layer)(h)
        h = norm(name=f"norm_{name}")(h) if norm and normalised else h
        return LeakyReLU(0.1, name=f"relu_{name}")(h)

    def conv(width: int, name: str, bias: bool) -> keras.layers.Layer:
        return keras.layers.Conv2D(width, 4, 2, "same", use_bias=bias, kernel_initializer=normal(), name=f"down_{name}")

    h = block(images, conv(channels, "1", True), "1", normalised=False)
    h = block(h, conv(2 * channels, "2", norm is None), "2")
    h = keras.layers.Flatten(name="flatten")(h)
    h = block(h, keras.layers.Dense(dense, use_bias=norm is None, kernel_initializer=normal(), name="dense"), "3")
    h = MinibatchDiscrimination(minibatch_kernels, name="minibatch")(h) if minibatch_kernels else h
    features = keras.layers.Activation("linear", dtype=output_dtype(), name="features")(h)
    h = Dropout(dropout, name="dropout")(features) if dropout else features
    return keras.Model(
        {"images": images}, {**(heads or dense_heads(wrap, logits=1))(h), "features": features}, name="discriminator"
    )
