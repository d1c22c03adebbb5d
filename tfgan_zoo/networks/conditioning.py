"""How a residual discriminator is conditioned on the label: the three ways that Miyato and Koyama 2018, arXiv:1802.05637, compare.

Each has `sees_labels`, True if "labels" [B] are an input beside the images; `hidden(h, labels, wrap)`, applied after the middle
block; and `outputs(features, labels, wrap)`, the discriminator's outputs by name. `wrap` is applied to every layer with a kernel.
"""

from collections.abc import Callable

import keras

from tfgan_zoo.networks.inputs import join
from tfgan_zoo.networks.shapes import glorot, output_dtype


def linear(features: keras.KerasTensor, size: int, name: str, wrap: Callable) -> keras.KerasTensor:
    """[B, F] -> [B, size] in full precision."""
    layer = keras.layers.Dense(size, kernel_initializer=glorot(), dtype=output_dtype(), name=name)
    return wrap(layer)(features)


def embedding(labels: keras.KerasTensor, num_classes: int, size: int, wrap: Callable) -> keras.KerasTensor:
    """Labels [B] -> V^T y [B, size] in full precision."""
    layer = keras.layers.Embedding(
        num_classes, size, embeddings_initializer=glorot(), dtype=output_dtype(), name="label_embedding"
    )
    return wrap(layer)(labels)


class Unconditional:
    """No label: logits = psi(phi(x))."""

    sees_labels = False

    def hidden(self, h: keras.KerasTensor, labels: keras.KerasTensor | None, wrap: Callable) -> keras.KerasTensor:
        return h

    def outputs(
        self, features: keras.KerasTensor, labels: keras.KerasTensor | None, wrap: Callable
    ) -> dict[str, keras.KerasTensor]:
        return {"logits": linear(features, 1, "logits", wrap)}


class Projection(Unconditional):
    """logits = psi(phi(x)) + y^T V phi(x), equation 3, with a linear psi."""

    sees_labels = True

    def __init__(self, num_classes: int):
        self.num_classes = num_classes

    def outputs(
        self, features: keras.KerasTensor, labels: keras.KerasTensor | None, wrap: Callable
    ) -> dict[str, keras.KerasTensor]:
        logits = super().outputs(features, labels, wrap)["logits"]
        classes = embedding(labels, self.num_classes, features.shape[-1], wrap)
        projected = keras.ops.sum(classes * features, axis=-1, keepdims=True)
        return {"logits": keras.layers.Add(name="projected", dtype=output_dtype())([logits, projected])}


class Concatenation(Unconditional):
    """An embedding of the label [B, size] is concatenated to the channels of each position after the middle block."""

    sees_labels = True

    def __init__(self, num_classes: int, size: int):
        self.num_classes, self.size = num_classes, size

    def hidden(self, h: keras.KerasTensor, labels: keras.KerasTensor | None, wrap: Callable) -> keras.KerasTensor:
        return join(h, embedding(labels, self.num_classes, self.size, wrap))


class AuxiliaryClassifier(Unconditional):
    """ "class_logits" [B, num_classes] beside the logits, as in ACGAN; the label itself is not seen."""

    def __init__(self, num_classes: int):
        self.num_classes = num_classes

    def outputs(
        self, features: keras.KerasTensor, labels: keras.KerasTensor | None, wrap: Callable
    ) -> dict[str, keras.KerasTensor]:
        logits = super().outputs(features, labels, wrap)
        return {**logits, "class_logits": linear(features, self.num_classes, "class_logits", wrap)}
