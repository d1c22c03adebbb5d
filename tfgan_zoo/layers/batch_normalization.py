"""Batch normalisation with the statistics of the global batch, and standing statistics for inference.

Ioffe and Szegedy 2015, arXiv:1502.03167; cross-replica and standing statistics: Brock et al. 2018, arXiv:1809.11096.
"""

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BatchNorm(keras.layers.Layer):
    """Normalises each channel over the global batch and all positions; in inference with its moving statistics.

    Input and output: [batch, ..., channels]. Statistics have at least float32 precision. With several replicas they cover the
    global batch; with one, images use TensorFlow's fused kernel. The moving variance is unbiased, as in that kernel and
    in PyTorch.

    Args:
        momentum: weight of the old moving statistic at each training step.
        epsilon: added to the variance.
        affine: learn a scale (initially 1) and an offset (initially 0) per channel.

    Examples:
        Mean 2 and biased variance 1 in training; the moving statistics start at 0 and 1.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import BatchNorm
        >>> norm, x = BatchNorm(momentum=0.0, epsilon=0.0), np.array([[1.0], [3.0]], "float32")
        >>> norm(x).numpy().tolist(), norm(x, training=True).numpy().tolist()
        ([[1.0], [3.0]], [[-1.0], [1.0]])
        >>> norm.moving_mean.numpy().tolist(), norm.moving_variance.numpy().tolist()  # the latter unbiased
        ([2.0], [2.0])
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, affine: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.affine = affine
        self.standing = False  # inside `standing_statistics` calls in inference use the batch's statistics as well

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        statistics_dtype = "float64" if self.variable_dtype == "float64" else "float32"

        def weight(name, initializer, shape=(channels,), trainable=False):
            return self.add_weight(
                name=name, shape=shape, initializer=initializer, trainable=trainable,
                dtype=statistics_dtype, autocast=False,
            )  # fmt: skip

        if self.affine:
            self.scale = weight("scale", "ones", trainable=True)
            self.offset = weight("offset", "zeros", trainable=True)
        self.moving_mean = weight("moving_mean", "zeros")
        self.moving_variance = weight("moving_variance", "ones")
        # Batches averaged so far by `standing_statistics`; -1 outside it.
        self.standing_batches = weight("standing_batches", keras.initializers.Constant(-1.0), shape=())

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        training = training or self.standing
        if self.affine:
            return self.normalize(inputs, self.scale.value, self.offset.value, training)
        return self.normalize(
            inputs, tf.ones_like(self.moving_mean.value), tf.zeros_like(self.moving_mean.value), training
        )

    def normalize(self, x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, training: bool) -> tf.Tensor:
        """x: [batch, ..., channels]; scale, offset: [channels]. Returns the normalised x; updates the moving statistics in training."""
        if not training:
            mean, variance = self.moving_mean.value, self.moving_variance.value
            return self.apply(x, mean, variance, scale, offset)
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        if replicas == 1 and len(x.shape) == 4 and x.dtype != tf.float64:
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=scale, offset=offset, mean=[], variance=[], epsilon=self.epsilon, is_training=True
            )
            self.move(mean, variance)
            return y
        mean, variance, count = global_moments(tf.cast(x, scale.dtype), context, replicas)
        self.move(mean, variance * count / tf.maximum(count - 1, 1))
        return self.apply(x, mean, variance, scale, offset)

    def apply(
        self, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
    ) -> tf.Tensor:
        factor = scale * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast(tf.cast(x, scale.dtype) * factor + (offset - mean * factor), x.dtype)

    def move(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        batches = self.standing_batches.value
        standing = batches >= 0
        share = tf.where(standing, 1 / (batches + 1 + tf.cast(batches < 0, batches.dtype)), 1 - self.momentum)
        self.moving_mean.assign_add(share * (mean - self.moving_mean.value))
        self.moving_variance.assign_add(share * (variance - self.moving_variance.value))
        self.standing_batches.assign(tf.where(standing, batches + 1, batches))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        config = {"momentum": self.momentum, "epsilon": self.epsilon, "affine": self.affine}
        return {**super().get_config(), **config}


def global_moments(
    x: tf.Tensor, context: tf.distribute.ReplicaContext | None, replicas: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mean [channels], biased variance [channels] and number of elements per channel, over all replicas."""
    axes = list(range(len(x.shape) - 1))
    count = tf.cast(tf.size(x) // x.shape[-1] * replicas, x.dtype)

    def total(t):
        t = tf.reduce_sum(t, axes)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, t) if replicas > 1 else t

    mean = total(x) / count
    return mean, total(tf.square(x - mean)) / count, count


def standing_statistics(network: keras.Model, batches: Iterable) -> None:
    """Sets the moving statistics of every BatchNorm in `network` to their plain average over `batches`.

    Call it before evaluation or export; BigGAN uses 100 batches. All other layers run in inference mode, so the statistics are
    those of the function that they will normalise. Nothing else in the network changes.

    Args:
        network: a Keras model.
        batches: iterable of inputs for it, such as dicts of latents; at least one.

    Examples:
        >>> import keras, numpy as np
        >>> from tfgan_zoo.layers import BatchNorm, standing_statistics
        >>> norm = BatchNorm()
        >>> network = keras.Sequential([keras.Input([1]), norm])
        >>> standing_statistics(network, [np.array([[1.0], [3.0]]), np.array([[5.0], [7.0]])])
        >>> norm.moving_mean.numpy().tolist(), norm.moving_variance.numpy().tolist()
        ([4.0], [2.0])
    """
    layers = network._flatten_layers(include_self=False)  # Keras has no public walk over layers within layers
    norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
    for norm in norms:
        norm.standing = True
        norm.standing_batches.assign(0.0)
        for statistic in (norm.moving_mean, norm.moving_variance):
            statistic.assign(tf.zeros(statistic.shape, statistic.dtype))  # the old value leaves no rounding behind
    try:
        for batch in batches:
            network(batch, training=False)
    finally:
        for norm in norms:
            norm.standing = False
            norm.standing_batches.assign(-1.0)
