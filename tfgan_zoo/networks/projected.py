"""The projected discriminator of Sauer et al. 2021, arXiv:2111.01007: frozen features at four depths, mixed by random projections
that are never trained, and a small discriminator for each.

Cross-channel mixing is a random 1x1 convolution at every depth; cross-scale mixing goes from the deepest map to the first: a random
3x3 convolution of the sum with the map below, then bilinear upsampling.
"""

import keras

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.layers import BatchNorm, BilinearUpsample2D, LeakyReLU, SpectralNormalization
from tfgan_zoo.networks.inputs import labels_input
from tfgan_zoo.networks.shapes import output_dtype

DEPTHS = 4
LAST = 8  # pixels of the map on which a small discriminator decides, at most
LABEL_SIZE = 64  # length of a class embedding, as in the authors' code


def discriminator(
    image_shape: tuple[int, ...],
    features: keras.Model,
    width: int = 64,
    channel_base: int = 4096,
    channel_maximum: int = 512,
    num_classes: int = 0,
) -> keras.Model:
    """Images [B, H, W, 1 or 3], and labels [B] if there are classes -> {"logits": [B, 4 N]}, of N places at each of the four depths.

    Args:
        image_shape: (H, W, C); images are resized bilinearly to what `features` takes.
        features: frozen Keras model, images [B, S, S, 3] -> four maps, of sides S / 4, S / 8, S / 16 and S / 32.
        width: channels of the first map after cross-channel mixing; they double with every depth.
        channel_base, channel_maximum: a small discriminator has min(channel_base / side, channel_maximum) channels.
        num_classes: with classes, each logit is an inner product with the class's embedding, over sqrt(64).

    Raises:
        ZooError: images of 2 or of more than 3 channels.
    """
    if image_shape[-1] not in (1, 3):
        raise ZooError(
            f"the projected discriminator's features are of images of 1 or 3 channels, not {image_shape[-1]}."
        )
    inputs = {"images": keras.Input(image_shape, name="images")}
    if num_classes:
        inputs["labels"] = labels_input()
    maps = projected_maps(features(resized(inputs["images"], features.input_shape[1])), width)
    last = min(LAST, maps[-1].shape[1])
    size = LABEL_SIZE if num_classes else 1
    logits = [
        small_discriminator(h, f"depth_{depth}", last, size, channel_base, channel_maximum)
        for depth, h in enumerate(maps, 1)
    ]
    if num_classes:
        logits = [inner_products(h, inputs["labels"], num_classes, f"depth_{i}") for i, h in enumerate(logits, 1)]
    flat = [keras.layers.Flatten(dtype=output_dtype())(h) for h in logits]
    return keras.Model(inputs, {"logits": keras.layers.Concatenate(dtype=output_dtype())(flat)}, name="discriminator")


def resized(images: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """Images [B, H, W, 1 or 3] -> [B, size, size, 3]."""
    x = images
    if tuple(images.shape[1:3]) != (size, size):
        x = keras.layers.Resizing(size, size, interpolation="bilinear", name="resized")(x)
    return keras.layers.Concatenate(name="rgb")([x] * 3) if images.shape[-1] == 1 else x


def projected_maps(maps: list[keras.KerasTensor], width: int) -> list[keras.KerasTensor]:
    """Random projections of four maps, each of twice the side of the map that it starts from, with width / 2 channels at the first
    depth and twice as many with every depth."""
    h, projected = None, list[keras.KerasTensor]()
    for depth in range(DEPTHS, 0, -1):
        channels = width * 2 ** (depth - 1)
        mixed = random_projection(channels, 1, f"mix_channels_{depth}")(maps[depth - 1])
        h = mixed if h is None else keras.layers.Add(name=f"joined_{depth}")([mixed, h])
        h = random_projection(channels // 2, 3, f"mix_scales_{depth}")(h)
        h = BilinearUpsample2D(name=f"doubled_{depth}")(h)
        projected.insert(0, h)
    return projected


def random_projection(filters: int, size: int, name: str) -> keras.layers.Layer:
    """A convolution that is never trained, with weights uniform in +-1 / sqrt(fan_in), as in the authors' code."""
    initializer = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    return keras.layers.Conv2D(
        filters, size, padding="same", kernel_initializer=initializer, use_bias=False, trainable=False, name=name
    )


def small_discriminator(
    h: keras.KerasTensor, name: str, last: int, outputs: int, channel_base: int, channel_maximum: int
) -> keras.KerasTensor:
    """Halves the side of h until it is `last` or less, and ends in a 4x4 convolution without padding: [B, n, n, outputs]."""
    number = 0
    while h.shape[1] > last:
        number += 1
        filters = max(1, min(channel_base // (h.shape[1] // 2), channel_maximum))
        h = conv(filters, 4, f"{name}_conv_{number}", strides=2, padding="same")(h)
        h = BatchNorm(name=f"{name}_norm_{number}")(h)
        h = LeakyReLU(0.2, name=f"{name}_lrelu_{number}")(h)
    return conv(outputs, min(4, h.shape[1]), f"{name}_logits", dtype=output_dtype())(h)


def conv(filters: int, size: int, name: str, **settings: object) -> keras.layers.Layer:
    """A spectrally normalised convolution without a bias."""
    initializer = keras.initializers.RandomNormal(stddev=0.02)
    layer = keras.layers.Conv2D(filters, size, use_bias=False, kernel_initializer=initializer, name=name, **settings)
    return SpectralNormalization(layer)


def inner_products(h: keras.KerasTensor, labels: keras.KerasTensor, num_classes: int, name: str) -> keras.KerasTensor:
    """h [B, n, n, E] -> [B, n, n, 1], the inner product of every place with the label's embedding, over sqrt(E)."""
    size = h.shape[-1]
    initializer = keras.initializers.RandomNormal(stddev=1.0)
    table = keras.layers.Embedding(
        num_classes, size, embeddings_initializer=initializer, dtype=output_dtype(), name=f"{name}_classes"
    )
    places = keras.ops.reshape(table(labels), [-1, 1, 1, size])
    return keras.ops.sum(h * places, axis=-1, keepdims=True) / size**0.5
