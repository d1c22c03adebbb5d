"""The run over all stages: calls the trainer, pauses where something is due, and stops for losses that are no numbers."""

import collections
import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tfgan_zoo.training.stopping import check_finite


@dataclasses.dataclass(frozen=True)
class Callback:
    """Something to be done every so many steps, and at the end.

    act: called with the step and {log name: mean over the steps since it last acted, or since this process began}.
    every: steps; 0 only at the end.
    when_stopped: also where the run is stopped before its end.
    after_stages: also at the end of each stage.
    """

    every: int
    act: Callable[[int, dict], None]
    when_stopped: bool = False
    after_stages: bool = False


class Means:
    """The means of logs over the steps since they were last taken."""

    def __init__(self):
        self.sums, self.steps = collections.Counter(), collections.Counter()

    def add(self, means, steps):
        """means: {log name: mean over so many steps}; a later stage may have other names."""
        for name, mean in means.items():
            self.sums[name] += mean * steps
            self.steps[name] += steps

    def take(self):
        """{log name: mean}, and begins anew."""
        means = {name: total / self.steps[name] for name, total in self.sums.items()}
        self.sums.clear()
        self.steps.clear()
        return means


def train(trainer, make_batches, callbacks, stopping=lambda: False):
    """Takes all the steps that the recipe still asks for.

    What is due never changes the weights, and neither does where the loop pauses. A stage of another resolution begins with
    new optimisers (Karras et al. 2017, arXiv:1710.10196, appendix A).

    Args:
        trainer: a `Trainer`, fresh or restored.
        make_batches: function (stage, first batch number) -> `tf.data.Dataset` of one replica's shares in turn.
        dues: list of `Due`, done in this order.
        stopping: asked at each pause; True ends the run early, after what is due when stopped.

    Raises:
        ZooError: a loss is not finite; names the step and the term.
    """
    recipe, first = trainer.recipe, 0
    step, means = int(trainer.step.numpy()), [Means() for _ in callbacks]
    last_step = sum(stage.steps for stage in recipe.schedule)
    resolution = recipe.schedule[0].resolution
    for stage in recipe.schedule:
        end = first + stage.steps
        if step == first and stage.resolution != resolution:  # a run that was stopped at the border comes by here, too
            trainer.renew_optimizers()
        resolution = stage.resolution
        if step < end:
            run = trainer.compile(stage, first)
            iterator = iter(
                trainer.strategy.distribute_datasets_from_function(
                    lambda context, stage=stage, step=step: make_batches(stage, step * recipe.discriminator_steps)
                )
            )
        while step < end:
            pauses = [due.every - step % due.every for due in callbacks if due.every]
            limit = min([recipe.steps_per_call, end - step, *pauses])
            done, last, mean = run(iterator, tf.constant(limit))
            step += int(done)
            check_finite(step, dict(zip(trainer.log_names, last.numpy().tolist(), strict=True)))
            mean = dict(zip(trainer.log_names, mean.numpy().tolist(), strict=True))
            stop = stopping()
            for due, since in zip(callbacks, means, strict=True):
                since.add(mean, int(done))
                regular = due.every and step % due.every == 0
                border = step == end and due.after_stages
                if regular or border or step == last_step or (stop and due.when_stopped):
                    due.act(step, since.take())
            if stop:
                return
        first = end
