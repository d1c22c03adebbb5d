"""Weight clipping, WGAN's road to a Lipschitz critic. Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1."""

import keras


@keras.saving.register_keras_serializable(package="tfgan_zoo")
class WeightClip(keras.constraints.Constraint):
    """Keeps every element of a weight in [-limit, limit]; the optimiser applies it after each of its steps."""

    def __init__(self, limit=0.01):
        if limit <= 0:
            raise ValueError(f"limit={limit}; expected a positive number such as 0.01.")
        self.limit = limit

    def __call__(self, w):
        return keras.ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}
