"""Networks of dense layers, for images and for points in the plane: those of the first GANs and of toy experiments.

Goodfellow et al. 2014, arXiv:1406.2661 (maxout and dropout in the discriminator); Mirza and Osindero 2014, arXiv:1411.1784
(labels through a layer of their own).
"""

import math
from collections.abc import Callable

import keras

from tfgan_zoo.core.priors import Codes
from tfgan_zoo.layers import BatchNorm, Dropout, GaussianNoise, LeakyReLU, MaxoutDense
from tfgan_zoo.networks.heads import dense_heads
from tfgan_zoo.networks.inputs import as_vectors, generator_inputs, joined, labels_input, one_hot
from tfgan_zoo.networks.shapes import output_dtype, plain, to_images


def generator(
    image_shape: tuple[int, ...],
    noise_size: int = 100,
    hidden: tuple[int, ...] = (1200, 1200),
    num_classes: int = 0,
    own: tuple[int, int] | None = None,
    codes: Codes | None = None,
    batch_norm: bool = False,
) -> keras.Model:
    """{"noise", "labels"?, "codes"?} -> images [B, H, W, C] in [-1, 1], or unbounded points [B, D].

    Args:
        image_shape: (H, W, C), or (D,) for points.
        hidden: widths of the ReLU layers.
        num_classes: 0 for a generator without labels.
        own: (units for the noise, units for the labels): a separate ReLU layer for each, before they are concatenated.
        codes: InfoGAN's codes, or None.
        batch_norm: batch normalisation in each hidden layer.
    """
    inputs = generator_inputs(noise_size, num_classes, codes)
    vectors = as_vectors(inputs, num_classes, codes)
    if own:
        vectors = [
            keras.layers.Dense(units, "relu", name=f"own_{name}")(v)
            for name, units, v in zip(inputs, own, vectors, strict=True)
        ]
    h = joined(vectors)
    for i, width in enumerate(hidden, 1):
        h = keras.layers.Dense(width, use_bias=not batch_norm, kernel_initializer="he_normal", name=f"dense_{i}")(h)
        h = BatchNorm(name=f"norm_{i}")(h) if batch_norm else h
        h = keras.layers.ReLU(name=f"relu_{i}")(h)
    h = keras.layers.Dense(math.prod(image_shape), name="to_images", dtype=output_dtype())(h)
    if len(image_shape) > 1:
        h = to_images(keras.layers.Reshape(image_shape, name="reshape", dtype=output_dtype())(h))
    return keras.Model(inputs, h, name="generator")


def rectified(h: keras.KerasTensor, units: int, pieces: int, name: str, wrap: Callable = plain) -> keras.KerasTensor:
    """A maxout layer of `pieces` pieces, or a dense layer with LeakyReLU 0.2 for one piece."""
    if pieces > 1:
        return wrap(MaxoutDense(units, pieces, name=name))(h)
    h = wrap(keras.layers.Dense(units, kernel_initializer="he_normal", name=name))(h)
    return LeakyReLU(0.2, name=f"{name}_relu")(h)


def discriminator(
    image_shape: tuple[int, ...],
    hidden: tuple[int, ...] = (240, 240),
    pieces: int = 1,
    input_dropout: float = 0.0,
    dropout: float = 0.0,
    noise: float = 0.0,
    norm: Callable | None = None,
    num_classes: int = 0,
    own: tuple[int, int] | None = None,
    own_pieces: int = 5,
    wrap: Callable = plain,
    heads: Callable | None = None,
    theta_size: int = 0,
) -> keras.Model:
    """{"images", "labels"?, "theta"?} -> {"logits": [B, 1] or the outputs of `heads`, "features": [B, F]}.

    Args:
        image_shape: (H, W, C), (D,) for points, or the shape of a measurement.
        hidden: widths of the layers.
        pieces: of each maxout unit; 1 for LeakyReLU 0.2.
        input_dropout, dropout: dropout rates of the images and of each hidden layer.
        noise: standard deviation of the Gaussian noise added to the input of each hidden layer.
        norm: layer class after each hidden layer, or None.
        num_classes: 0 for a discriminator without labels.
        own: (units for the images, units for the labels): a separate layer for each, of `own_pieces` pieces, before they are
            concatenated.
        wrap: applied to each hidden layer.
        heads: function features -> outputs, see `networks.heads`.
        theta_size: length of the input "theta" [B, theta_size], the parameters of a measurement; 0 for no such input.
    """
    inputs = {"images": keras.Input(image_shape, dtype=output_dtype(), name="images")}
    h = keras.layers.Flatten(name="flatten")(inputs["images"])
    h = Dropout(input_dropout, name="input_dropout")(h) if input_dropout else h
    if num_classes:
        inputs["labels"] = labels_input()
        vectors = [h, one_hot(inputs["labels"], num_classes)]
        if own:
            vectors = [
                rectified(v, units, own_pieces, f"own_{name}", wrap)
                for name, units, v in zip(inputs, own, vectors, strict=True)
            ]
        h = joined(vectors)
    if theta_size:
        inputs["theta"] = keras.Input([theta_size], dtype=output_dtype(), name="theta")
        h = joined([h, inputs["theta"]])
    for i, width in enumerate(hidden, 1):
        h = GaussianNoise(noise, name=f"noise_{i}")(h) if noise else h
        h = rectified(h, width, pieces, f"dense_{i}", wrap)
        h = norm(name=f"norm_{i}")(h) if norm else h
        h = Dropout(dropout, name=f"dropout_{i}")(h) if dropout else h
    features = keras.layers.Activation("linear", dtype=output_dtype(), name="features")(h)
    outputs = (heads or dense_heads(wrap, logits=1))(features)
    return keras.Model(inputs, {**outputs, "features": features}, name="discriminator")
