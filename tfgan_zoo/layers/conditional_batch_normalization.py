"""Conditional batch normalisation. Dumoulin et al. 2016, arXiv:1610.07629; Miyato and Koyama 2018, arXiv:1802.05637."""

import keras
import tensorflow as tf

from tfgan_zoo.layers.batch_normalization import BatchNorm
from tfgan_zoo.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ConditionalBatchNorm(BatchNorm):
    """Batch normalisation whose scale 1 + gamma(condition) and offset beta(condition) are linear in a condition.

    Called as `layer([images, condition])` with images [batch, ..., channels] and as condition either integer labels
    [batch] (give `num_classes`) or a vector [batch, size], such as BigGAN's class embedding joined with a latent.
    gamma and beta have no bias of their own and start from `kernel_initializer`: at zeros, plain batch normalisation.

    Args:
        num_classes: the number of classes where the condition is a label; None where it is a vector.
        spectral_norm: gamma and beta under spectral normalisation, as in BigGAN.
        kernel_initializer, kernel_regularizer: of gamma's and beta's weights.
        spectral_epsilon: the epsilon of their spectral normalisation.
        momentum, epsilon: as in `BatchNorm`.
    """

    def __init__(
        self,
        num_classes=None,
        spectral_norm=False,
        kernel_initializer="zeros",
        kernel_regularizer=None,
        spectral_epsilon=1e-12,
        momentum=0.9,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(momentum=momentum, epsilon=epsilon, affine=False, **kwargs)
        self.num_classes = num_classes
        self.spectral_norm = spectral_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.spectral_epsilon = spectral_epsilon

    def build(self, input_shape):
        images, condition = input_shape
        super().build(images)
        size = self.num_classes or condition[-1]
        self.gamma = self.linear("gamma", images[-1], size)
        self.beta = self.linear("beta", images[-1], size)

    def linear(self, name, channels, size):
        initializer = keras.initializers.get(keras.initializers.serialize(self.kernel_initializer))  # a fresh draw
        dense = keras.layers.Dense(
            channels,
            use_bias=False,
            kernel_initializer=initializer,
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        dense = SpectralNormalization(dense, epsilon=self.spectral_epsilon) if self.spectral_norm else dense
        dense.build((None, size))
        return dense

    def call(self, inputs, training=False):
        images, condition = inputs
        if self.num_classes:
            condition = tf.one_hot(tf.cast(condition, tf.int32), self.num_classes, dtype=self.compute_dtype)
        normalized = super().call(images, training=training)
        gamma, beta = (
            layer(condition, training=training) if self.spectral_norm else layer(condition)
            for layer in (self.gamma, self.beta)
        )
        per_example = [-1] + [1] * (len(images.shape) - 2) + [images.shape[-1]]
        return normalized * (1 + tf.reshape(gamma, per_example)) + tf.reshape(beta, per_example)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        config = {
            **super().get_config(),
            "num_classes": self.num_classes,
            "spectral_norm": self.spectral_norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "spectral_epsilon": self.spectral_epsilon,
        }
        config.pop("affine")
        return config
