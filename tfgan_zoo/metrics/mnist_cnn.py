"""A small convolutional classifier of digits: features for digits, with weights that come with the package.

Inception was trained on photographs, and says little about digits. This network was trained on the 4,500 training digits
of mnist5k by `tfgan_zoo.metrics.train_mnist_cnn`; ACCURACY is the proportion of the 500 held-out digits it gets right.
"""

import io
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.features import read_weights
from tfgan_zoo.metrics.replicated import on_all_replicas

WEIGHTS = pathlib.Path(__file__).with_name("mnist_cnn.npz")
SHA256 = "5ee9828b277fe31fb4ebeb54c2ba756877e9176e9c4461d6c4574704c4a83ade"
ACCURACY = 0.982  # 9 of the 500 are wrong
SIZE = 32
DIMENSION, CLASSES = 64, 10
RESIZING = "28x28 is padded to 32x32 with black, other sizes are resized to 32x32 (bilinear, antialiased)"


def network() -> keras.Model:
    """Keras model: images [B, 32, 32, 1] in [-1, 1] -> {"features": [B, 64], >= 0; "logits": [B, 10]}.

    Three blocks of convolution, batch normalisation, ReLU and pooling, then the features, then the logits: 90,330
    weights. Always in float32, whatever precision the generator was trained in.
    """
    layers, float32 = keras.layers, {"dtype": "float32"}
    images = x = keras.Input([SIZE, SIZE, 1], name="images")
    for block, (filters, kernel) in enumerate([(16, 5), (32, 3), (64, 3)], start=1):
        x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=f"convolution_{block}", **float32)(x)
        x = layers.BatchNormalization(name=f"normalization_{block}", **float32)(x)
        x = layers.ReLU(name=f"relu_{block}", **float32)(x)
        x = layers.MaxPooling2D(name=f"pool_{block}", **float32)(x)
    x = layers.Flatten(name="flatten", **float32)(x)
    x = layers.Dense(DIMENSION, use_bias=False, name="dense", **float32)(x)
    # Without it, two features in three die and the others grow without bound.
    x = layers.BatchNormalization(name="normalization_features", **float32)(x)
    features = layers.ReLU(name="features", **float32)(x)
    logits = layers.Dense(CLASSES, name="logits", **float32)(features)
    return keras.Model(images, {"features": features, "logits": logits}, name="mnist_cnn")


def to_input(images: tf.Tensor) -> tf.Tensor:
    """uint8 [B, H, W, 1] -> float32 [B, 32, 32, 1] in [-1, 1], as `RESIZING` describes."""
    images = tf.cast(images, tf.float32)
    height, width = images.shape[1:3]
    if (height, width) == (28, 28):
        images = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])
    elif (height, width) != (SIZE, SIZE):
        images = tf.image.resize(images, [SIZE, SIZE], antialias=True)
    return images / 127.5 - 1


def load(path: Any = None) -> tuple[str, Callable]:
    """SHA-256 of the weights file, and the forward pass of the `FeatureNetwork`.

    path: an npz written by `save`; by default the package's own. Raises `ZooError` if it is missing, if the package's own is
    damaged, or if the arrays are not this network's.
    """
    content, sha256 = read_weights(path or WEIGHTS)
    if path is None and sha256 != SHA256:
        raise ZooError(f"{WEIGHTS} has the SHA-256 {sha256}, expected {SHA256}; reinstall the package.")
    model = network()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            model.set_weights([arrays[weight.path] for weight in model.weights])
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ZooError(f"{str(path)!r} does not hold the weights of mnist_cnn ({error}); see `save`.") from error

    @tf.function
    def forward(images):
        outputs = model(to_input(images), training=False)
        return outputs["features"], outputs["logits"]

    return sha256, on_all_replicas(forward)


def save(model: keras.Model, path: Any) -> None:
    """Writes the weights of `network()` to an npz, float32, under their paths in the model. Same weights, same bytes."""
    arrays: dict[str, Any] = {weight.path: np.asarray(weight, np.float32) for weight in model.weights}
    np.savez_compressed(path, **arrays)
