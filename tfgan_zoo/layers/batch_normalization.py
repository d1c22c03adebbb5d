"""Batch normalisation with statistics of the global batch, and standing statistics for inference.

Ioffe and Szegedy 2015, arXiv:1502.03167; across replicas, and standing: Brock et al. 2018, arXiv:1809.11096.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class BatchNorm(keras.layers.Layer):
    """Normalises each channel over the global batch and all positions; in inference by its moving statistics.

    Input and output: [batch, ..., channels]. Statistics are float32 at least. On several replicas they are those of the
    global batch; on one, images go through TensorFlow's fused kernel. The moving variance is the unbiased one, as in
    that kernel and in PyTorch.

    Args:
        momentum: the share of the old moving statistic that stays at each training step.
        epsilon: added to the variance.
        affine: learn a scale (from 1) and an offset (from 0) per channel.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, affine=True, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.affine = affine
        self.standing = False  # within `standing_statistics`: a call in inference takes its batch's statistics too

    def build(self, input_shape):
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
        # Batches averaged so far by `standing_statistics`; -1 outside of it.
        self.standing_batches = weight("standing_batches", keras.initializers.Constant(-1.0), shape=())

    def call(self, inputs, training=False):
        training = training or self.standing
        if self.affine:
            return self.normalize(inputs, self.scale.value, self.offset.value, training)
        return self.normalize(
            inputs, tf.ones_like(self.moving_mean.value), tf.zeros_like(self.moving_mean.value), training
        )

    def normalize(self, x, scale, offset, training):
        """x: [batch, ..., channels]; scale, offset: [channels]. Returns the normalised x, and moves the statistics."""
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

    def apply(self, x, mean, variance, scale, offset):
        factor = scale * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast(tf.cast(x, scale.dtype) * factor + (offset - mean * factor), x.dtype)

    def move(self, mean, variance):
        batches = self.standing_batches.value
        standing = batches >= 0
        share = tf.where(standing, 1 / (batches + 1 + tf.cast(batches < 0, batches.dtype)), 1 - self.momentum)
        self.moving_mean.assign_add(share * (mean - self.moving_mean.value))
        self.moving_variance.assign_add(share * (variance - self.moving_variance.value))
        self.standing_batches.assign(tf.where(standing, batches + 1, batches))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"momentum": self.momentum, "epsilon": self.epsilon, "affine": self.affine}
        return {**super().get_config(), **config}


def global_moments(x, context, replicas):
    """Mean [channels], biased variance [channels] and elements a channel, over the batches of all replicas."""
    axes = list(range(len(x.shape) - 1))
    count = tf.cast(tf.size(x) // x.shape[-1] * replicas, x.dtype)

    def total(t):
        t = tf.reduce_sum(t, axes)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, t) if replicas > 1 else t

    mean = total(x) / count
    return mean, total(tf.square(x - mean)) / count, count


def standing_statistics(network, batches):
    """Sets the moving statistics of every BatchNorm in `network` to their plain average over `batches`.

    To be called before evaluation or export. BigGAN takes 100 batches. All other layers compute as in inference, so that the
    statistics are of the very function that they will normalise, and nothing else in the network changes.

    Args:
        network: a Keras model.
        batches: iterable of inputs for it, such as dicts of latents; at least one.
    """
    layers = network._flatten_layers(include_self=False)  # Keras has no public walk over layers within layers
    norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
    for norm in norms:
        norm.standing = True
        norm.standing_batches.assign(0.0)
        for statistic in (norm.moving_mean, norm.moving_variance):
            statistic.assign(
                tf.zeros(statistic.shape, statistic.dtype)
            )  # of which nothing is left, not even by rounding
    try:
        for batch in batches:
            network(batch, training=False)
    finally:
        for norm in norms:
            norm.standing = False
            norm.standing_batches.assign(-1.0)
