"""The recipe's optimisers, with learning rates that are a pure function of the update's number."""

import keras


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`rate` until update `first`, then a straight line to 0 at update `last`; no fall if `first` is not before it."""

    def __init__(self, rate, first, last):
        self.rate, self.first, self.last = rate, first, last

    def __call__(self, step):
        left = (self.last - keras.ops.cast(step, "float32")) / max(self.last - self.first, 1)
        return self.rate * keras.ops.clip(left, 0.0, 1.0)

    def get_config(self):
        return {"rate": self.rate, "first": self.first, "last": self.last}


def make_optimizer(settings, steps, updates_per_step, name):
    """A Keras optimiser.

    Args:
        settings: a recipe's `Optimizer` section.
        steps: length of the run in generator updates.
        updates_per_step: updates of this player in one step.
        name: of the optimiser, under which its variables are saved.
    """
    rate = settings.learning_rate
    if settings.schedule == "linear":
        rate = LinearDecay(rate, settings.decay_from * updates_per_step, steps * updates_per_step)
    if settings.name == "adam":
        return keras.optimizers.Adam(rate, settings.beta_1, settings.beta_2, settings.epsilon, name=name)
    if settings.name == "rmsprop":
        return keras.optimizers.RMSprop(rate, settings.rho, settings.momentum, settings.epsilon, name=name)
    return keras.optimizers.SGD(rate, settings.momentum, name=name)
