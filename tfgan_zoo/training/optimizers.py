"""The recipe's optimisers, and the learning rates that change as training goes on."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import OptimizerSettings, Schedule
from tfgan_zoo.core.schedules import moving


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`rate` until update `first`, then a straight line to 0 at update `last`; no fall if `first` is not before it."""

    def __init__(self, rate: float, first: float, last: float) -> None:
        self.rate, self.first, self.last = rate, first, last

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        left = (self.last - keras.ops.cast(step, "float32")) / max(self.last - self.first, 1)
        return self.rate * keras.ops.clip(left, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "first": self.first, "last": self.last}


class Plateau(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is multiplied by `factor` when an observed value has not fallen to a new low for `patience` steps.

    The value is averaged over about patience / 10 steps, and lows count from when so many have been observed. Every
    fall needs a patience of its own. As in BEGAN, Berthelot et al. 2017, arXiv:1703.10717, section 4. To be built in
    the strategy's scope.

    Args:
        watch: name of the value.
        rate: the learning rate at the start.
        patience: steps, at least 1.
        factor: in (0, 1).
        min_rate: the rate stays at least this.

    Attributes:
        state: its variables by name.
    """

    def __init__(self, watch: str, rate: float, patience: int, factor: float, min_rate: float = 0.0) -> None:
        self.watch, self.rate, self.patience, self.factor, self.min_rate = watch, rate, patience, factor, min_rate
        self.window, self.lowest = max(patience / 10, 1.0), min_rate / rate
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA  # what is observed is the same on all
        self.state = {
            name: tf.Variable(start, trainable=False, dtype=tf.float32, aggregation=same)
            for name, start in (("average", 0), ("best", float("inf")), ("scale", 1), ("observed", 0), ("waited", 0))
        }

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self.rate * tf.convert_to_tensor(self.state["scale"])

    def observe(self, value: tf.Tensor) -> None:
        """Takes the value of a step, a scalar that is the same on all replicas."""
        state = {name: tf.convert_to_tensor(variable) for name, variable in self.state.items()}
        observed = state["observed"] + 1
        # The mean of all at first, then one that forgets
        average = state["average"] + (tf.cast(value, tf.float32) - state["average"]) / tf.minimum(observed, self.window)
        filled = observed >= self.window
        low = filled & (average < state["best"])
        waited = tf.where(filled & ~low, state["waited"] + 1, 0.0)
        stalled = waited >= self.patience
        after = {
            "average": average,
            "best": tf.where(low, average, state["best"]),
            "scale": tf.where(stalled, tf.maximum(state["scale"] * self.factor, self.lowest), state["scale"]),
            "observed": observed,
            "waited": tf.where(stalled, 0.0, waited),
        }
        for name, variable in self.state.items():
            variable.assign(after[name])

    def get_config(self) -> dict[str, Any]:
        return {
            "watch": self.watch,
            "rate": self.rate,
            "patience": self.patience,
            "factor": self.factor,
            "min_rate": self.min_rate,
        }


class ScheduledRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that follows the steps of training and not the optimiser's own updates.

    value: function without arguments that returns the rate of the current step, as `schedules.moving` gives it.
    """

    def __init__(self, value: Callable[[], tf.Tensor]) -> None:
        self.value = value

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self.value()

    def get_config(self) -> dict[str, Any]:
        return {}


class Adam(keras.optimizers.Adam):
    """Keras' Adam by TensorFlow's own kernel: one operation a variable in place of twenty, which takes half the time to trace and to run.

    The formula is the same, the last bits of a float32 are not.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
        dtype, index = variable.dtype, self._get_variable_index(variable)
        updates = tf.cast(self.iterations + 1, dtype)
        # tf.cast alone would round a Python number to float32 first.
        beta_1, beta_2, epsilon = (
            tf.cast(value, dtype) if tf.is_tensor(value) else tf.constant(value, dtype)
            for value in (self.beta_1, self.beta_2, self.epsilon)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=handle_of(variable),
            m=handle_of(self._momentums[index]),
            v=handle_of(self._velocities[index]),
            beta1_power=beta_1**updates,
            beta2_power=beta_2**updates,
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=tf.cast(gradient, dtype),
        )


def handle_of(variable: Any) -> tf.Tensor:
    """The resource behind a variable of Keras or TensorFlow; while a strategy updates a variable, that of the current replica."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


class ScheduledAdam(Adam):
    """Adam whose beta_2 follows a schedule; the bias correction is by the current value, as in PyTorch.

    scheduled_beta_2: function without arguments that returns beta_2 of the current step.
    """

    def __init__(self, *arguments: Any, scheduled_beta_2: Callable[[], tf.Tensor], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.scheduled_beta_2 = scheduled_beta_2

    @property
    def beta_2(self) -> tf.Tensor:
        return self.scheduled_beta_2()

    @beta_2.setter
    def beta_2(self, value: float) -> None:
        """Keras' constructor sets a number, which the schedule replaces."""


class ScaledRate(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate, or a schedule of it, times a number or a variable, such as what the guard against collapse lowers."""

    def __init__(self, rate: float | Callable[[tf.Tensor], tf.Tensor], scale: float | tf.Variable) -> None:
        self.rate, self.scale = rate, scale

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        rate = self.rate(step) if callable(self.rate) else self.rate
        return rate * tf.convert_to_tensor(self.scale)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate}


def make_plateau(settings: OptimizerSettings, states: Iterable[str], origin: str) -> Plateau:
    """The `Plateau` of a recipe's `Optimizer` section that asks for one.

    Args:
        settings: the section.
        states: names of what can be watched.
        origin: name of the section.

    Raises:
        ZooError: `settings.watch` is none of them.
    """
    if settings.watch not in states:
        raise ZooError(f"{origin}.watch: {no_such('state of the objective', settings.watch, states)}")
    rate: Any = settings.learning_rate  # a constant, as its table has checked
    return Plateau(settings.watch, rate, settings.patience, settings.factor, settings.min_rate)


def make_optimizer(
    settings: OptimizerSettings,
    steps: int,
    updates_per_step: float,
    name: str,
    plateau: Plateau | None = None,
    scale: tf.Variable | None = None,
    step: tf.Variable | None = None,
    lazy: float = 1.0,
) -> keras.optimizers.Optimizer:
    """A Keras optimiser.

    Args:
        settings: a recipe's `OptimizerSettings`.
        steps: length of the run in generator updates.
        updates_per_step: updates of this player in one step.
        name: of the optimiser, under which its variables are saved.
        plateau: the learning rate, a `Plateau`, where that is the schedule.
        scale: a float32 variable that the rate is multiplied by; None for none.
        step: the variable that schedules go by; None is enough where nothing moves.
        lazy: c, the share of the updates that are not those of lazy terms. The rate is multiplied by c and the betas are
            raised to the power c, so that lazy terms leave the optimiser's memory as it was. Karras et al. 2019,
            arXiv:1912.04958, appendix B.
    """
    rate: Any = settings.learning_rate
    if isinstance(rate, Schedule):
        rate = ScheduledRate(moving(rate, step))
    elif settings.schedule == "linear":
        rate = LinearDecay(rate, settings.decay_from * updates_per_step, steps * updates_per_step)
    elif settings.schedule == "plateau":
        rate = plateau
    if lazy != 1:
        rate = ScaledRate(rate, lazy) if callable(rate) else rate * lazy
    if scale is not None:
        rate = ScaledRate(rate, scale)
    momentum = settings.momentum**lazy
    if settings.name == "adam":
        beta_1, beta_2 = settings.beta_1**lazy, moving(settings.beta_2, step)
        if callable(beta_2):
            return ScheduledAdam(
                rate, beta_1, epsilon=settings.epsilon, name=name, scheduled_beta_2=lambda: beta_2() ** lazy
            )
        return Adam(rate, beta_1, beta_2**lazy, settings.epsilon, name=name)
    if settings.name == "rmsprop":
        return keras.optimizers.RMSprop(rate, settings.rho**lazy, momentum, settings.epsilon, name=name)
    return keras.optimizers.SGD(rate, momentum, name=name)
