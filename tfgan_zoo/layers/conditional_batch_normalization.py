"""Conditional batch normalisation. Dumoulin et al. 2016, arXiv:1610.07629; Miyato and Koyama 2018, arXiv:1802.05637."""

from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.layers.batch_normalization import BatchNorm
from tfgan_zoo.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ConditionalBatchNorm(BatchNorm):
    """Batch normalisation whose scale 1 + gamma(condition) and offset beta(condition) are linear in a condition.

    Called as `layer([images, condition])` with images [batch, ..., channels]. The condition is either integer labels [batch]
    (with `num_classes` set) or a vector [batch, size], such as BigGAN's class embedding concatenated with a latent.
    gamma and beta have no bias. With the default `kernel_initializer`, zeros, the layer starts as plain batch normalisation.

    Args:
        num_classes: number of classes if the condition is a label; None if it is a vector.
        spectral_norm: apply spectral normalisation to gamma and beta, as in BigGAN.
        kernel_initializer, kernel_regularizer: of the weights of gamma and beta.
        spectral_epsilon: epsilon of their spectral normalisation.
        momentum, epsilon: as in `BatchNorm`.

    Examples:
        In inference, with mean 0 and variance 1, the output is x (1 + gamma) + beta: 3 x for the label 1.

        >>> import numpy as np
        >>> from tfgan_zoo.layers import ConditionalBatchNorm
        >>> norm, x, labels = ConditionalBatchNorm(2, epsilon=0.0), np.array([[1.0], [5.0]], "float32"), np.array([0, 1])
        >>> norm([x, labels]).numpy().tolist()
        [[1.0], [5.0]]
        >>> _ = norm.gamma.kernel.assign([[0.0], [2.0]])
        >>> norm([x, labels]).numpy().tolist()
        [[1.0], [15.0]]
    """

    def __init__(
        self,
        num_classes: int | None = None,
        spectral_norm: bool = False,
        kernel_initializer: str | keras.Initializer = "zeros",
        kernel_regularizer: str | keras.Regularizer | None = None,
        spectral_epsilon: float = 1e-12,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(momentum=momentum, epsilon=epsilon, affine=False, **kwargs)
        self.num_classes = num_classes
        self.spectral_norm = spectral_norm
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.spectral_epsilon = spectral_epsilon

    def build(self, input_shape: Any) -> None:
        images, condition = input_shape
        super().build(images)
        size = self.num_classes or condition[-1]
        self.gamma = self.linear("gamma", images[-1], size)
        self.beta = self.linear("beta", images[-1], size)

    def linear(self, name: str, channels: int, size: int) -> keras.layers.Layer:
        initializer = keras.initializers.get(
            keras.initializers.serialize(self.kernel_initializer)
        )  # a copy, so that it draws other numbers
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

    def call(self, inputs: list, training: bool = False) -> tf.Tensor:
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

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return input_shape[0]

    def get_config(self) -> dict:
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
