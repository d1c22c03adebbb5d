"""Networks of dense layers, for images and for points in the plane: those of the first GANs, and of toy experiments.

Goodfellow et al. 2014, arXiv:1406.2661 (maxout and dropout in the discriminator); Mirza and Osindero 2014, arXiv:1411.1784
(labels through their own layer).
"""

import math

import keras

from tfgan_zoo.layers import BatchNorm, Dropout, GaussianNoise, LeakyReLU, MaxoutDense
from tfgan_zoo.networks.heads import dense_heads
from tfgan_zoo.networks.inputs import as_vectors, generator_inputs, joined, labels_input, one_hot
from tfgan_zoo.networks.shapes import output_dtype, plain, to_images


def generator(image_shape, noise_size=100, hidden=(1200, 1200), num_classes=0, own=None, codes=None, batch_norm=False):
    """{"noise", "labels"?, "codes"?} -> images [B, H, W, C] in [-1, 1], or points [B, D] without bounds.

    Args:
        image_shape: (H, W, C), or (D,) for points.
        hidden: widths of the ReLU layers.
        num_classes: 0 for a generator without labels.
        own: (units of the noise, units of the labels): each goes through a ReLU layer of its own before they are joined.
        codes: a `priors.Codes`.
        batch_norm: after each hidden layer.
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


def rectified(h, units, pieces, name, wrap=plain):
    """A maxout layer of `pieces` linear ones, or a dense layer with LeakyReLU 0.2 for one piece."""
    if pieces > 1:
        return wrap(MaxoutDense(units, pieces, name=name))(h)
    h = wrap(keras.layers.Dense(units, kernel_initializer="he_normal", name=name))(h)
    return LeakyReLU(0.2, name=f"{name}_relu")(h)


def discriminator(
    image_shape,
    hidden=(240, 240),
    pieces=1,
    input_dropout=0.0,
    dropout=0.0,
    noise=0.0,
    norm=None,
    num_classes=0,
    own=None,
    own_pieces=5,
    wrap=plain,
    heads=None,
    theta_size=0,
):
    """{"images", "labels"?, "theta"?} -> {"logits": [B, 1] or what `heads` gives, "features": [B, F]}.

    Args:
        image_shape: (H, W, C), (D,) for points, or whatever shape a measurement has.
        hidden: widths of the layers.
        pieces: of each maxout unit; 1 for LeakyReLU 0.2.
        input_dropout, dropout: shares that are dropped of the images and of each hidden layer.
        noise: standard deviation of the Gaussian noise in front of each hidden layer.
        norm: layer class after each hidden layer, or None for none.
        num_classes: 0 for a discriminator without labels.
        own: (units of the images, units of the labels): each goes through a layer of its own, of `own_pieces`, before they join.
        wrap: applied to each hidden layer.
        heads: function features -> outputs, see `networks.heads`.
        theta_size: length of what it is told of a measurement, "theta" [B, theta_size]; 0 for nothing.
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
