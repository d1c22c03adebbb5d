"""What a style-based generator is built of beside convolutions: a learned constant, noise per layer, and the average style.
Karras et al. 2018, arXiv:1812.04948; 2019, arXiv:1912.04958.
"""

from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.replicas import mean_over_replicas


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class LearnedConstant(keras.layers.Layer):
    """The same learned features for every example, from N(0, 1) at first: [batch, ...] -> [batch, *shape].

    Args:
        shape: of one output, such as (4, 4, 512). Of the input only the batch size is read.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import LearnedConstant
        >>> constant = LearnedConstant((4, 4, 8))(np.zeros([3, 5], "float32")).numpy()
        >>> constant.shape, bool((constant[0] == constant[2]).all())
        ((3, 4, 4, 8), True)
    """

    def __init__(self, shape: tuple[int, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape: tuple) -> None:
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.constant = self.add_weight(name="constant", shape=self.shape, initializer=normal)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        constant = tf.convert_to_tensor(self.constant)
        return tf.tile(constant[None], [tf.shape(inputs)[0]] + [1] * len(self.shape))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], *self.shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "shape": self.shape}


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class ScaledNoise(keras.layers.Layer):
    """x + strength * noise, of [x, noise]: [batch, h, w, c] and [batch, h, w, 1] -> [batch, h, w, c]. The strength is learned, from 0.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import ScaledNoise
        >>> layer, x = ScaledNoise(), np.ones([1, 1, 1, 2], "float32")
        >>> layer.build([x.shape, (1, 1, 1, 1)])
        >>> _ = layer.strength.assign(0.5)
        >>> layer([x, 4 * x[..., :1]]).numpy().ravel().tolist()
        [3.0, 3.0]
    """

    def build(self, input_shape: list) -> None:
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros")

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        x, noise = inputs
        return x + tf.convert_to_tensor(self.strength) * tf.cast(noise, x.dtype)

    def compute_output_shape(self, input_shape: list) -> tuple:
        return input_shape[0]


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class StyleTruncation(keras.layers.Layer):
    """mean + psi (w - mean), of [w, psi]: [batch, W] and [batch, 1] -> [batch, W]. Karras et al. 2018, appendix B.

    The mean follows that of w in training, over the batch of all replicas: mean <- w's + decay (mean - w's).

    Args:
        decay: of the mean.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import StyleTruncation
        >>> layer = StyleTruncation(decay=0.5)
        >>> w, psi = np.array([[2.0], [6.0]], "float32"), np.array([[1.0], [1.0]], "float32")
        >>> layer([w, psi], training=True).numpy().ravel().tolist()  # psi = 1 leaves w as it is
        [2.0, 6.0]
        >>> float(layer.mean.value[0])
        2.0
        >>> layer([w, 0.5 * psi]).numpy().ravel().tolist()
        [2.0, 4.0]
    """

    def __init__(self, decay: float = 0.998, **kwargs: Any):
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, input_shape: list) -> None:
        self.mean = self.add_weight(
            name="mean", shape=(input_shape[0][-1],), initializer="zeros", trainable=False, autocast=False
        )

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        w, psi = inputs
        if training:
            now = tf.cast(mean_over_replicas(tf.reduce_mean(tf.cast(w, self.mean.dtype), axis=0)), self.mean.dtype)
            self.mean.assign(now + self.decay * (self.mean.value - now))
        mean = tf.cast(self.mean.value, w.dtype)
        return mean + tf.cast(psi, w.dtype) * (w - mean)

    def compute_output_shape(self, input_shape: list) -> tuple:
        return input_shape[0]

    def get_config(self) -> dict:
        return {**super().get_config(), "decay": self.decay}
