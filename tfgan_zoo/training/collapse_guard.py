"""The guard against collapse: what it monitors, what it stores, and how a run rolls back.

It monitors the symptoms of collapse in Brock et al. 2018, arXiv:1809.11096, section 4: exploding singular values, a
discriminator loss that falls to zero or jumps, and the score that follows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.core.recipe_tables import GuardSettings
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.singular_values import kernels_of, top_singular_values
from tfgan_zoo.training.stopping import Collapse

WINDOW = 10  # checks over which a level averages


class Score(Protocol):
    """What the guard needs of a score; see `metrics.protocol.Score`."""

    @property
    def name(self) -> str:
        """Of the score."""

    @property
    def value(self) -> float:
        """In the score's unit."""

    @property
    def step(self) -> int:
        """At which it was computed."""

    def better_than(self, other: Any) -> bool:
        """Whether this one is the better of the two."""


class CollapseGuard:
    """Monitors a run by the recipe's `GuardSettings`. Build it in the strategy's scope.

    Args:
        settings: the recipe's `GuardSettings`.
        game: the `Game` in training.

    Attributes:
        rollbacks: int64 variable, the number of rollbacks so far; it is added to the recipe's seed.
        rate: float32 variable, a factor of both learning rates.
        state: {name: variable}, saved with the run.
    """

    def __init__(self, settings: GuardSettings, game: Game) -> None:
        self.settings, self.game = settings, game
        same = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.rollbacks = tf.Variable(0, dtype=tf.int64, **same)
        self.rate = tf.Variable(1.0, **same)
        self.losses = tf.Variable([0.0, 0.0], **same)  # the discriminator's since the last check: sum and number
        self.checks = tf.Variable(0, dtype=tf.int64, **same)
        self.levels = tf.Variable(np.zeros(1 + len(self.kernels())), dtype=tf.float64, **same)
        names = ("rollbacks", "rate", "losses", "levels")
        self.state = {f"guard/{name}": getattr(self, name) for name in names} | {"guard/looks": self.checks}

    def kernels(self) -> dict[str, np.ndarray]:
        """{name: array} of both players."""
        players = {"generator": self.game.generator, "discriminator": self.game.discriminator}
        return {f"{player}/{name}": k for player, network in players.items() for name, k in kernels_of(network).items()}

    def count(self, loss: tf.Tensor) -> None:
        """Adds the discriminator's loss of a step, a scalar; called within the graph of a step."""
        self.losses.assign_add(tf.stack([tf.cast(loss, tf.float32), 1.0]))

    def check(self, step: int, scores: Sequence[Score] = ()) -> None:
        """Checks the losses since the last check, the kernels, and the scores.

        Args:
            step: the one just taken.
            scores: those that checkpoints are compared by, of one name and protocol, oldest first.

        Raises:
            Collapse: one of them is out of bounds; the levels stay as they were.
        """
        total, steps = self.losses.numpy()
        self.losses.assign([0.0, 0.0])
        names, values = ["|loss of the discriminator|"], [abs(float(total)) / max(steps, 1)]
        for name, kernel in self.kernels().items():
            names.append(f"largest singular value of {name}")
            values.append(top_singular_values(kernel, 1)[0])
        levels, checks = self.levels.numpy(), int(self.checks.numpy())
        factors = [self.settings.loss_factor] + [self.settings.singular_factor] * (len(values) - 1)
        why = [f"{name} = {value}" for name, value in zip(names, values, strict=True) if not math.isfinite(value)]
        if step > self.settings.from_step:
            if steps and values[0] < self.settings.loss_floor:
                why.append(f"{names[0]} = {values[0]:.4g}, bound {self.settings.loss_floor:g}")
            why += [
                f"{name} = {value:.4g}, bound {factor * max(level, 1):.4g}"
                for name, value, factor, level in zip(names, values, factors, levels, strict=True)
                if checks and factor and value > factor * max(level, 1)
            ]
            why += self.worse(scores)
        if why:
            raise Collapse(step, "; ".join(why))
        self.levels.assign(levels + (np.array(values) - levels) / min(checks + 1, WINDOW))
        self.checks.assign_add(1)

    def worse(self, scores: Sequence[Score]) -> list[str]:
        """What is wrong with the last of `scores` compared with the best of them, in words; [] if nothing is."""
        if not scores:
            return []
        *before, last = scores
        if not math.isfinite(last.value):
            return [f"{last.name} = {last.value}"]
        factor, margin = self.settings.score_factor, self.settings.score_margin
        best = functools.reduce(lambda a, b: b if b.better_than(a) else a, before, last)
        if not factor or not best.better_than(last):
            return []
        if best.value > last.value:  # a score that should be high
            bound = best.value / factor - margin
        else:
            bound = best.value * factor + margin
        beyond = abs(last.value - best.value) > abs(bound - best.value)
        message = f"{last.name} = {last.value:.4g}, bound {bound:.4g}, best {best.value:.4g} at step {best.step}"
        return [message] if beyond else []

    def roll_back(self, checkpoints: Checkpoints, to: int) -> None:
        """Restores the checkpoint of step `to` with the next seed and rate, and saves it as that.

        A crash in between leaves a checkpoint from which the run collapses again, and is rolled back again.
        """
        rollbacks = int(self.rollbacks.numpy()) + 1
        rate = float(self.rate.numpy()) * self.settings.rate_factor
        for step in reversed(checkpoints.steps()):
            if step > to:
                checkpoints.remove(step)
        checkpoints.restore(to)
        self.rollbacks.assign(rollbacks)
        self.rate.assign(rate)
        checkpoints.save(to, to, whole=True)


def last_good(
    checkpoints: Checkpoints, step: int, every: int, checked_every: int, best: int | None = None
) -> int | None:
    """The step of the checkpoint to roll back to from a collapse detected at `step`; None if there is none.

    Only the checkpoints at the recipe's interval count, so it makes no difference where someone stopped the run.

    Args:
        checkpoints: the run's `Checkpoints`.
        step: of the collapse.
        every, checked_every: steps between two checkpoints of the recipe, and between two checks.
        best: the step of the best by score, None if nothing is scored.
    """
    passed = (step - 1) // checked_every * checked_every
    regular = [s for s in checkpoints.steps() if s % every == 0 and s <= passed]
    if best in regular:
        return best
    return regular[-1] if regular else None


def unrecoverable(collapse: Collapse, to: int | None, rollbacks: int) -> ZooError:
    """The error that ends a run which could not roll back. to: the step of its last good checkpoint, None for none."""
    kept = "there is no checkpoint from before" if to is None else f"the last good checkpoint is of step {to}"
    tried = f" It went back {rollbacks} times." if rollbacks else ""
    return ZooError(
        f"step {collapse.step}: {collapse.why}.{tried} The run stops here, and {kept}; "
        "a lower learning rate or another seed may help."
    )
