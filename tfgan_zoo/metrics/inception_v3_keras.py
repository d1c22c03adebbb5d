"""Inception v3 as published by Keras (Szegedy et al. 2015, arXiv:1512.00567), from the user's own weights file.

Not the network of published scores, which has other weights, classes and resizing: see `inception`. So its scores are called
fd_inception_v3_keras and kd_inception_v3_keras. Nothing is ever downloaded.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.features import read_weights
from tfgan_zoo.metrics.replicated import on_all_replicas

FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/{FILE}"
HDF5 = b"\x89HDF\r\n\x1a\n"
SIZE = 299
DIMENSION, CLASSES = 2048, 1000
RESIZING = "gray is repeated to RGB, and images are resized to 299x299 (bilinear, antialiased)"


def to_input(images: tf.Tensor) -> tf.Tensor:
    """uint8 [B, H, W, 1 or 3] -> float32 [B, 299, 299, 3] in [-1, 1], as `RESIZING` describes."""
    images = tf.cast(images, tf.float32)
    if tuple(images.shape[1:3]) != (SIZE, SIZE):
        images = tf.image.resize(images, [SIZE, SIZE], antialias=True)
    return tf.tile(images, [1, 1, 1, 3 // images.shape[3]]) / 127.5 - 1


def load(path: Any = None) -> tuple[str, Callable]:
    """SHA-256 of the weights file, and the forward pass of the `FeatureNetwork`; logits are those before the softmax.

    path: `FILE`, with the top. Raises `ZooError`, which says where to get it, if there is no path; and for a file that is
    missing or holds other weights.
    """
    if path is None:
        raise ZooError(
            f"the inception_v3_keras features need a file that is not shipped: get {URL} and pass it as"
            f" inception_file, such as evaluate --features=inception_v3_keras --inception_file={FILE}."
        )
    content, sha256 = read_weights(path)
    if not content.startswith(HDF5):
        raise ZooError(f"{str(path)!r} is not an HDF5 file; expected the weights of Keras' InceptionV3: get {URL}")
    del content  # 96 MB, which Keras reads itself
    model = _network(path)

    @tf.function
    def forward(images):
        return model(to_input(images), training=False)

    return sha256, on_all_replicas(forward)


def _network(path):
    """Keras model: images [B, 299, 299, 3] -> [features [B, 2048], logits [B, 1000]], always in float32."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        model = keras.applications.InceptionV3(weights=None, classifier_activation=None)
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ZooError(f"{str(path)!r} does not hold the weights of Keras' InceptionV3 ({error}); get {URL}") from error
    finally:
        keras.config.set_dtype_policy(policy)
    return keras.Model(model.input, [model.get_layer("avg_pool").output, model.output])
