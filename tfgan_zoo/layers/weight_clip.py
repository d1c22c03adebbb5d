"""Weight clipping, WGAN's way to a Lipschitz critic. Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class WeightClip(keras.constraints.Constraint):
    """Clips every element of a weight to [-limit, limit]; the optimiser applies it after each step.

    Args:
        limit: a positive number.

    Raises:
        ValueError: the limit is not positive.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.layers import WeightClip
        >>> WeightClip(0.25)(np.array([-3.0, 0.125, 0.5])).numpy().tolist()
        [-0.25, 0.125, 0.25]
    """

    def __init__(self, limit: float = 0.01):
        if limit <= 0:
            raise ValueError(f"limit={limit}; expected a positive number such as 0.01.")
        self.limit = limit

    def __call__(self, w: tf.Tensor) -> tf.Tensor:
        return keras.ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict:
        return {"limit": self.limit}
