"""The guard against collapse: what it watches, what it remembers, and how a run goes back.

What is watched is what Brock et al. 2018, arXiv:1809.11096, section 4, saw give way: singular values that explode, a
discriminator's loss that falls to zero or jumps, and the score that follows.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.training.singular_values import kernels_of, top_singular_values
from tfgan_zoo.training.stopping import Collapse

WINDOW = 10  # looks that a level forgets over


class CollapseGuard:
    """Watches a run by the recipe's `Guard` section. To be built in the strategy's scope.

    Args:
        settings: the section.
        game: the `Game` that is trained.

    Attributes:
        rollbacks: int64 variable, how often the run has gone back; added to the recipe's seed in all that is drawn from then on.
        rate: float32 variable, by which both learning rates are multiplied.
        state: {name: variable} of all that is to be saved with the run.
    """

    def __init__(self, settings, game):
        self.settings, self.game = settings, game
        same = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.rollbacks = tf.Variable(0, dtype=tf.int64, **same)
        self.rate = tf.Variable(1.0, **same)
        self.losses = tf.Variable([0.0, 0.0], **same)  # the discriminator's since the last look: their sum and number
        self.looks = tf.Variable(0, dtype=tf.int64, **same)
        self.levels = tf.Variable(np.zeros(1 + len(self.kernels())), dtype=tf.float64, **same)
        names = ("rollbacks", "rate", "losses", "looks", "levels")
        self.state = {f"guard/{name}": getattr(self, name) for name in names}

    def kernels(self):
        """{name: array} of both players."""
        players = {"generator": self.game.generator, "discriminator": self.game.discriminator}
        return {f"{player}/{name}": k for player, network in players.items() for name, k in kernels_of(network).items()}

    def count(self, loss):
        """Takes the discriminator's loss of a step, a scalar; within the graph of a step."""
        self.losses.assign_add(tf.stack([tf.cast(loss, tf.float32), 1.0]))

    def look(self, step, scores=()):
        """Looks at the losses since the last look, at the kernels, and at the scores.

        Args:
            step: that was just taken.
            scores: `Score`s that checkpoints are compared by, of one name and protocol, oldest first.

        Raises:
            Collapse: one of them is beyond its bound; the levels are left as they were.
        """
        total, steps = self.losses.numpy()
        self.losses.assign([0.0, 0.0])
        names, found = ["|loss of the discriminator|"], [abs(float(total)) / max(steps, 1)]
        for name, kernel in self.kernels().items():
            names.append(f"largest singular value of {name}")
            found.append(top_singular_values(kernel, 1)[0])
        levels, looks = self.levels.numpy(), int(self.looks.numpy())
        factors = [self.settings.loss_factor] + [self.settings.singular_factor] * (len(found) - 1)
        why = [f"{name} = {value}" for name, value in zip(names, found, strict=True) if not math.isfinite(value)]
        if step > self.settings.from_step:
            if steps and found[0] < self.settings.loss_floor:
                why.append(f"{names[0]} = {found[0]:.4g}, bound {self.settings.loss_floor:g}")
            why += [
                f"{name} = {value:.4g}, bound {factor * max(level, 1):.4g}"
                for name, value, factor, level in zip(names, found, factors, levels, strict=True)
                if looks and factor and value > factor * max(level, 1)
            ]
            why += self.worse(scores)
        if why:
            raise Collapse(step, "; ".join(why))
        self.levels.assign(levels + (np.array(found) - levels) / min(looks + 1, WINDOW))
        self.looks.assign_add(1)

    def worse(self, scores):
        """[what is wrong with the last of `scores` beside the best of them, in words], [] where nothing is."""
        if not scores:
            return []
        *before, last = scores
        if not math.isfinite(last.value):
            return [f"{last.name} = {last.value}"]
        factor, margin = self.settings.score_factor, self.settings.score_margin
        best = functools.reduce(lambda a, b: b if b.better_than(a) else a, before, last)
        if not factor or not best.better_than(last):
            return []
        if best.value > last.value:  # and the better: of a score that should be high
            bound = best.value / factor - margin
        else:
            bound = best.value * factor + margin
        beyond = abs(last.value - best.value) > abs(bound - best.value)
        told = f"{last.name} = {last.value:.4g}, bound {bound:.4g}, best {best.value:.4g} at step {best.step}"
        return [told] if beyond else []

    def go_back(self, checkpoints, to):
        """Brings the run to where the checkpoint of step `to` has it, with the next seed and rate, and saves it as that.

        A crash in between leaves a checkpoint from which the run collapses once more, and comes by here again.
        """
        rollbacks = int(self.rollbacks.numpy()) + 1
        rate = float(self.rate.numpy()) * self.settings.rate_factor
        for step in reversed(checkpoints.steps()):
            if step > to:
                checkpoints.path(step).unlink()
        checkpoints.restore(to)
        self.rollbacks.assign(rollbacks)
        self.rate.assign(rate)
        checkpoints.save(to, to)


def last_good(checkpoints, step, every, looked_every, best=None):
    """The step of the checkpoint to go back to from a collapse seen at `step`; None where there is none.

    Only those that the recipe asks for count: where a person stopped the run makes no difference.

    Args:
        checkpoints: the run's `Checkpoints`.
        step: of the collapse.
        every, looked_every: steps between two checkpoints of the recipe, and between two looks.
        best: the step of the best by score, None where nothing is scored.
    """
    passed = (step - 1) // looked_every * looked_every
    regular = [s for s in checkpoints.steps() if s % every == 0 and s <= passed]
    if best in regular:
        return best
    return regular[-1] if regular else None


def refused(collapse, to, rollbacks):
    """The `ZooError` that ends a run which could not go back. to: the step of its last good checkpoint, None for none."""
    kept = "there is no checkpoint from before" if to is None else f"the last good checkpoint is of step {to}"
    tried = f" It went back {rollbacks} times." if rollbacks else ""
    return ZooError(
        f"step {collapse.step}: {collapse.why}.{tried} The run stops here, and {kept}; "
        "a lower learning rate or another seed may help."
    )
