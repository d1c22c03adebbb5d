"""Weight normalisation: W = g V / |V|, one length g per output. Salimans and Kingma 2016, arXiv:1602.07868."""

import keras
import tensorflow as tf

from tfgan_zoo.layers.replaced_kernel import kernel_of, output_axis, replaced_kernel


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class WeightNormalization(keras.layers.Wrapper):
    """Wraps Dense, convolutions (transposed too) or Embedding: direction V (the layer's own kernel) and length g are
    trained apart. g starts as |V|, so that wrapping does not change what the layer computes.

    Args:
        layer: the layer to wrap.
        trainable_length: False holds g at 1 (the form that Miyato et al. 2018 compare with, section 3).
    """

    def __init__(self, layer, trainable_length=True, **kwargs):
        kwargs.update(autocast=False, dtype=layer.variable_dtype)
        kwargs.setdefault("name", layer.name)
        super().__init__(layer, **kwargs)
        self.trainable_length = trainable_length

    def build(self, input_shape=None):
        super().build(input_shape)
        kernel = kernel_of(self.layer)
        axis = output_axis(self.layer) % len(kernel.shape)
        self.other_axes = [a for a in range(len(kernel.shape)) if a != axis]
        shape = [1 if a in self.other_axes else size for a, size in enumerate(kernel.shape)]

        # An initialiser rather than an assignment, which a first call while tracing would lose.
        def first_length(shape, dtype=None):
            return self.norm(kernel.value) if self.trainable_length else tf.ones(shape, dtype)

        self.length = self.add_weight(
            name="length", shape=shape, initializer=first_length, trainable=self.trainable_length, autocast=False
        )

    def norm(self, kernel):
        squares = tf.reduce_sum(tf.square(kernel), axis=self.other_axes, keepdims=True)
        return tf.sqrt(tf.maximum(squares, 1e-24))  # the gradient of sqrt is infinite at 0

    def call(self, inputs):
        kernel = kernel_of(self.layer).value
        with replaced_kernel(self.layer, self.length.value * kernel / self.norm(kernel)):
            return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs):
        return self.layer.compute_output_spec(inputs)  # of its compute dtype, which is not the wrapper's

    def get_config(self):
        return {**super().get_config(), "trainable_length": self.trainable_length}
