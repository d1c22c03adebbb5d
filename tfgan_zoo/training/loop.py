"""The loop over all stages: calls the trainer, pauses for callbacks, and stops at losses that are not finite."""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfgan_zoo.core.recipe_tables import Stage
from tfgan_zoo.training.stopping import check_finite
from tfgan_zoo.training.trainer import Trainer
from tfgan_zoo.training.workers import lost_workers


@dataclasses.dataclass(frozen=True)
class Callback:
    """Something that happens every so many steps, and at the end. It never changes the weights.

    call: takes the step and {log name: mean over the steps since the last call, or since this process began}.
    every: steps; 0 only at the end.
    when_stopped: also if the run is stopped before its end.
    after_stages: also at the end of each stage.
    """

    every: int
    call: Callable[[int, dict[str, float]], object]
    when_stopped: bool = False
    after_stages: bool = False


class Means:
    """The means of logs over the steps since they were last taken."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = collections.defaultdict(float)
        self.steps: dict[str, float] = collections.defaultdict(float)

    def add(self, means: dict[str, float], steps: dict[str, float]) -> None:
        """Adds means of logs, each over its number of steps; a later stage may have other names."""
        for name, mean in means.items():
            self.sums[name] += mean * steps[name]
            self.steps[name] += steps[name]

    def take(self) -> dict[str, float]:
        """The mean of each log that had a step, and starts again."""
        means = {name: total / self.steps[name] for name, total in self.sums.items() if self.steps[name]}
        self.sums.clear()
        self.steps.clear()
        return means


def local_replicas(context: tf.distribute.InputContext) -> range:
    """The numbers of the replicas that one worker feeds."""
    count = context.num_replicas_in_sync // context.num_input_pipelines
    return range(context.input_pipeline_id * count, (context.input_pipeline_id + 1) * count)


def train(
    trainer: Trainer,
    make_batches: Callable[[Stage, int, range], tf.data.Dataset],
    callbacks: Sequence[Callback],
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Takes all the steps that the recipe still asks for.

    Neither the callbacks nor where the loop pauses change the weights. A stage of another resolution begins with new
    optimisers (Karras et al. 2017, arXiv:1710.10196, appendix A).

    Args:
        trainer: a `Trainer`, fresh or restored.
        make_batches: function (stage, first batch number, replicas of this worker) -> `tf.data.Dataset` of their shares in
            turn.
        callbacks: called in this order.
        stopping: called at each pause; True on any worker ends the run early, after the callbacks that run when it is stopped.

    Raises:
        ZooError: a loss is not finite; names the step and the term. Another worker is gone (`WorkerLost`).
    """
    recipe, first = trainer.recipe, 0
    step, means = int(trainer.step.numpy()), [Means() for _ in callbacks]
    last_step = sum(stage.steps for stage in recipe.schedule)
    resolution = recipe.schedule[0].resolution
    for stage in recipe.schedule:
        end = first + stage.steps
        if step == first and stage.resolution != resolution:  # also when resumed exactly here
            trainer.renew_optimizers()
        resolution = stage.resolution
        if step < end:
            run = trainer.compile(stage, first)
            number = step * recipe.discriminator_steps

            def of_worker(context, stage=stage, number=number):
                return make_batches(stage, number, local_replicas(context))

            iterator = iter(trainer.strategy.distribute_datasets_from_function(of_worker))
        while step < end:
            pauses = [callback.every - step % callback.every for callback in callbacks if callback.every]
            limit = min([recipe.steps_per_call, end - step, *pauses])
            with lost_workers(trainer.workers):
                done, *logs = (result.numpy() for result in run(iterator, tf.constant(limit)))
            step += int(done)
            last, mean, count = (dict(zip(trainer.log_names, log.tolist(), strict=True)) for log in logs)
            check_finite(step, last)
            stop = trainer.workers.any(stopping())
            for callback, since in zip(callbacks, means, strict=True):
                since.add(mean, count)
                regular = callback.every and step % callback.every == 0
                border = step == end and callback.after_stages
                if regular or border or step == last_step or (stop and callback.when_stopped):
                    callback.call(step, since.take())
            if stop:
                return
        first = end
