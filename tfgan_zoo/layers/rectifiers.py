"""ReLU and LeakyReLU that skip their second derivative, which is zero: gradient penalties cost less.

TensorFlow's own ops backpropagate these zeros through the whole network, which takes a fifth to a quarter of an update under a
gradient penalty. Values, gradients and gradients of gradients are the same, bit for bit. What a rectifier is applied to is not kept
for the gradient, and TensorFlow fuses it with the convolution that it comes from (findings/remapper_rejects_its_own_fusions.sh).
"""

import keras
import tensorflow as tf


@tf.autograph.experimental.do_not_convert  # AutoGraph would lose the custom gradient
@tf.custom_gradient
def relu_slope(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """The gradient of ReLU at x: `upstream` where x > 0, else 0."""

    def grad(second):
        return relu_slope(second, x), None

    return tf.raw_ops.ReluGrad(gradients=upstream, features=x), grad


@tf.autograph.experimental.do_not_convert
@tf.custom_gradient
def relu(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0), of any shape."""
    y = tf.nn.relu(x)
    return y, lambda upstream: relu_slope(upstream, y)


@tf.autograph.experimental.do_not_convert
def leaky_relu(x: tf.Tensor, negative_slope: float = 0.2) -> tf.Tensor:
    """x where x > 0, else negative_slope * x; of any shape."""

    @tf.custom_gradient
    def slope(upstream, x):
        def grad(second):
            return slope(second, x), None

        return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=x, alpha=negative_slope), grad

    @tf.custom_gradient
    def leaky(x):
        y = tf.nn.leaky_relu(x, negative_slope)
        signs = y if negative_slope >= 0 else x  # y has them too, and then no one reads x: it is freed, and fused away
        return y, lambda upstream: slope(upstream, signs)

    return leaky(x)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ReLU(keras.layers.ReLU):
    """Keras' ReLU, but cheaper under gradient penalties. Any shape.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import ReLU
        >>> ReLU()(np.array([-2.0, 3.0], "float32"), training=True).numpy().tolist()
        [0.0, 3.0]
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return relu(inputs) if training else super().call(inputs)


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class LeakyReLU(keras.layers.LeakyReLU):
    """Keras' LeakyReLU, but cheaper under gradient penalties. Any shape.

    Args:
        negative_slope: factor for negative inputs.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import LeakyReLU
        >>> LeakyReLU(0.25)(np.array([-2.0, 3.0], "float32"), training=True).numpy().tolist()
        [-0.5, 3.0]
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return leaky_relu(inputs, float(self.negative_slope)) if training else super().call(inputs)
