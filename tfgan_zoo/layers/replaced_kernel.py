"""Lets a layer compute with a function of its stored kernel, without overwriting the kernel itself."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf


def kernel_of(layer: keras.layers.Layer) -> keras.Variable:
    """The weight matrix of a built layer: the `keras.Variable` of a Dense, convolution or Embedding.

    Raises:
        TypeError: `layer` has no single kernel.
    """
    if isinstance(layer, keras.layers.Embedding):
        return layer.embeddings
    if isinstance(layer, (keras.layers.Dense, *CONVOLUTIONS)):
        return layer.kernel
    raise TypeError(
        f"{type(layer).__name__} has no single kernel; "
        "Dense, Conv1D, Conv2D, Conv3D, their transposes and Embedding have (and tfgan_zoo.layers.DepthwiseConv2D)."
    )


TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, *TRANSPOSED)


def output_axis(layer: keras.layers.Layer) -> int:
    """The axis of the kernel that counts outputs: -2 in transposed convolutions (h, w, out, in), 0 in an Embedding."""
    if isinstance(layer, keras.layers.Embedding):
        return 0
    return -2 if isinstance(layer, TRANSPOSED) else -1


@contextlib.contextmanager
def replaced_kernel(layer: keras.layers.Layer, kernel: tf.Tensor) -> Iterator[None]:
    """A scope in which `layer` computes with the tensor `kernel` in place of its stored kernel.

    The gradient reaches the stored kernel through the ops that computed `kernel` from it. Variables mapped by an enclosing
    `keras.StatelessScope` keep their mapped values, and losses that the layer adds are not lost.
    """
    stored = kernel_of(layer)
    others = [(v, v.value) for v in layer.variables if v is not stored]
    with keras.StatelessScope(state_mapping=[(stored, kernel), *others], collect_losses=True) as scope:
        yield
    for loss in scope.losses:
        layer.add_loss(loss)
