"""A training run from a recipe to an exported generator: connects data, trainer, scores, pictures and checkpoints."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgan_zoo import __version__, pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.core.recipe_tables import Stage
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.training_view import training_view
from tfgan_zoo.metrics.discriminator_scores import accuracies
from tfgan_zoo.metrics.protocol import Evaluator, Score
from tfgan_zoo.metrics.score_registry import kinds_of
from tfgan_zoo.runs import building, publish
from tfgan_zoo.runs.averaged_players import AveragedPlayers
from tfgan_zoo.runs.initialization import Initialization, as_recorded, first_weights
from tfgan_zoo.runs.preparation import check_accuracy, checked_evaluator, chosen_precision, describe, in_words, lock
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.scoring_network import with_network
from tfgan_zoo.runs.shared_scores import SharedEmbedding
from tfgan_zoo.saved_model.sweeps import overview
from tfgan_zoo.saved_model.version_folder import newest, versions
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.collapse_guard import last_good, unrecoverable
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.progress import Progress
from tfgan_zoo.training.stopping import Collapse, StopRequest
from tfgan_zoo.training.strategies import describe as describe_devices
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.summaries import ScalarWriter
from tfgan_zoo.training.trainer import Trainer
from tfgan_zoo.training.workers import WorkerLost, Workers, lost_workers


class TrainingRun:
    """One run: opens or creates its folder, builds the trainer, restores the newest checkpoint.

    Args:
        recipe: a `Recipe`.
        folder: of the run.
        strategy: name for `make_strategy`.
        report: called with each message for the user.
    """

    def __init__(
        self, recipe: Recipe, folder: str | Path, strategy: str = "one", report: Callable[[str], object] = print
    ) -> None:
        self.folder, self.report = Path(folder), report
        kinds_of(recipe.evaluation.scores)  # a mistyped name is reported at once
        devices = make_strategy(strategy)
        if strategy == "auto":
            report(f"Devices: {describe_devices(devices)} (--strategy=auto)")
        self.source = load_source(recipe.data)
        dataset = describe(self.source)
        report(f"Data: {in_words(dataset)}")
        self.workers, self.total = Workers(devices), recipe.total_steps
        precision = self.workers.on_chief(lambda: chosen_precision(recipe, folder))
        self.recipe = recipe = with_network(
            recipe.model_copy(update={"precision": precision}), self.source.image_shape, self.source.class_names
        )
        build = building.game_builder(recipe, dataset["image_shape"], dataset["num_classes"])
        self.images, self.measure = training_view(self.source, recipe.data)
        self.workers.check_equal({
            "the recipe": json.dumps(recipe.as_dict(), sort_keys=True), "the sha256 of the images": dataset["sha256"],
            "TensorFlow": tf.__version__, "tfgan_zoo": __version__,
        })  # fmt: skip
        with lost_workers(self.workers):  # new variables get the chief's values
            self.trainer = Trainer(recipe, build, devices)
        self.averaged = AveragedPlayers(self.trainer, recipe, build)
        self.shared = (
            SharedEmbedding(self.workers) if recipe.evaluation.all_workers and self.workers.count > 1 else None
        )
        self.scoring_error: Exception | None = None
        self.start, self.order, self.completed = self.workers.on_chief(lambda: self.open(self.folder, dataset))
        if self.sharded:
            token = self.folder / ".lock"  # the chief's, which no other disk holds
            self.workers.check_equal({"the disk of --workdir": token.read_text() if token.exists() else "none"})
        if self.sharded and not self.workers.chief:
            self.run = Run(self.folder)
            self.checkpoints = self.make_checkpoints()
        if self.shared:
            if not self.workers.chief:
                self.evaluator = checked_evaluator(recipe, self.source, self.trainer)
            weights = self.evaluator.network.sha256 if self.evaluator else "none"
            self.workers.check_equal({"the sha256 of evaluation.features": weights})
        if self.start:
            report(f"Resuming at step {self.start:,}.")
        if self.start or recipe.init_from:
            self.workers.copy_from_chief(self.trainer.variables())

    def open(self, folder: Path, dataset: dict[str, Any]) -> tuple[int, str, bool]:
        """Opens the run's folder and restores the newest checkpoint: on the chief alone.

        Returns:
            (the step, the order of the examples, whether all steps have been taken and exported).
        """
        recipe = as_recorded(self.recipe, folder)
        self.evaluator = checked_evaluator(recipe, self.source, self.trainer)
        if recipe.log.accuracy_images:
            check_accuracy(self.evaluator, self.trainer)
        first = first_weights(recipe, dataset, self.trainer, folder)  # refused before anything is written
        Run.refuse_other_files(folder)
        self.lock = lock(folder)  # before writing recipe.json, which another process may be using
        self.run = Run.start(folder, recipe, dataset)
        self.run.remove_half_written()
        if self.evaluator:
            self.run.keep_protocols(self.evaluator.protocols(recipe.evaluation.scores))
        self.checkpoints = self.make_checkpoints()
        restored = self.checkpoints.restore_latest(self.report)
        start = restored or 0
        if restored is None and recipe.init_from:  # and first is None if all checkpoints were damaged
            first = first or Initialization(recipe, dataset, self.trainer)
            self.report(first.carry_out(self.run.folder))
            self.checkpoints.save(0, whole=True)
        self.run.forget_scores_after(start)
        if recipe.guard.on_collapse == "rollback" and not self.checkpoints.steps():
            self.checkpoints.save(0, whole=True)  # so that there is always one to roll back to
        self.exports = self.run.folder / "export" / recipe.model
        return start, self.run.recipe.data.order, start >= self.total and self.exported_step() == self.total

    @property
    def sharded(self) -> bool:
        """Whether every worker writes a part of each checkpoint."""
        return self.recipe.checkpoints.sharded and self.workers.count > 1

    def make_checkpoints(self) -> Checkpoints:
        """The `Checkpoints` of this worker, which writes a part of each, or all."""
        part = (self.workers.index, self.workers.count) if self.sharded else (0, 1)
        return self.run.checkpoints(self.trainer.variables(), background=self.recipe.checkpoints.background, part=part)

    @contextlib.contextmanager
    def finishing_checkpoints(self) -> Iterator[None]:
        """A context that ends once the checkpoint that is being written is complete, on all workers if nothing was raised."""
        try:
            yield
        except BaseException:
            try:
                self.finish_checkpoints()
            except OSError as error:  # what ended the run matters more
                self.report(f"The last checkpoint could not be written: {error}")
            raise
        self.finish_checkpoints()
        self.workers.wait()

    def finish_checkpoints(self) -> None:
        """Returns once the checkpoint that this worker is writing is complete."""
        if self.workers.chief or self.sharded:
            self.checkpoints.finish()

    def execute(self) -> Path | None:
        """Takes the remaining steps.

        Returns:
            The exported version folder; None if the run was stopped, and on all workers but the chief.
        """
        if self.start >= self.total:
            self.report(f"{self.folder} is complete: all {self.total:,} steps have been taken.")
        if self.completed:
            return newest(self.exports) if self.workers.chief else None
        callbacks = self.callbacks()
        with StopRequest(self.report) as stop_request, self.progress, self.finishing_checkpoints():
            while self.rolled_back(callbacks, lambda: bool(stop_request.received)):
                pass
        self.completed = int(self.trainer.step.numpy()) >= self.total
        if self.workers.chief:
            self.scalars.close()
        # The others wait for the export: one that ends before would look like a crash.
        version = self.workers.on_chief(lambda: self.export() if self.completed else None)
        if self.scoring_error:
            raise self.scoring_error
        return Path(version) if version and self.workers.chief else None

    def callbacks(self) -> list[Callback]:
        """What happens during the run: on the chief. The other workers pause at the same steps, for what all take part in."""
        log, checks, recipe = self.recipe.log, self.recipe.checkpoints, self.recipe
        self.progress: Any = contextlib.nullcontext()
        if self.workers.chief:
            self.scalars = ScalarWriter(self.run.folder, self.trainer)
            self.progress = Progress(self.total, self.start, recipe.images_seen)
        callbacks = [
            Callback(min(recipe.steps_per_call, log.scalars_every_steps), self.show_progress),
            Callback(log.scalars_every_steps, self.log_scalars),
            Callback(log.samples_every_steps, self.draw_samples, after_stages=True),
            Callback(recipe.evaluation.every_steps, self.score if self.workers.chief else self.help_to_score),
            Callback(self.checked_every, self.check),
            Callback(checks.every_steps, self.save, when_stopped=True),
        ]
        if self.workers.chief:
            return callbacks
        shared = [self.check, self.help_to_score, *([self.save] if self.sharded else [])]
        return [c if c.call in shared else dataclasses.replace(c, call=lambda step, means: None) for c in callbacks]

    def show_progress(self, step: int, means: dict[str, float]) -> None:
        """Updates the progress line; ends the run if a checkpoint could not be written."""
        self.checkpoints.raise_error()
        self.progress.update(step, means)

    def rolled_back(self, callbacks: list[Callback], stopping: Callable[[], bool]) -> bool:
        """Takes the remaining steps, up to the end, a stop request or a collapse. Returns True if the run was rolled back from
        a collapse and is to continue.

        Raises:
            ZooError: it collapsed, and the recipe's guard allows no rollback, or no more.
        """
        try:
            train(self.trainer, self.make_batches, callbacks, stopping)
            return False
        except Collapse as collapse:
            if not self.trainer.guard:
                raise
            detected = collapse
        self.finish_checkpoints()
        self.workers.wait()
        self.workers.on_chief(lambda: self.roll_back(detected))
        self.workers.copy_from_chief(self.trainer.variables())
        return True

    def roll_back(self, detected: Collapse) -> None:
        """Restores the last good checkpoint after a collapse: on the chief alone.

        Raises:
            ZooError: the recipe's guard allows no rollback, or no more.
        """
        guard, settings = self.trainer.guard, self.recipe.guard
        assert guard
        count, to = int(guard.rollbacks.numpy()), self.last_good(detected.step, self.run.best_step())
        rolls_back = settings.on_collapse == "rollback" and count < settings.rollbacks
        record = {"step": detected.step, "why": detected.why, "went_back_to": to if rolls_back else None}
        self.scalars.write_collapse(detected.step, detected.why, count + 1)
        if rolls_back and to is not None:
            guard.roll_back(self.checkpoints, to)
            self.run.forget_scores_after(to)
            self.report(
                f"Step {detected.step:,}: {detected.why}. Rolled back to step {to:,}, continuing with seed {self.trainer.seed}."
            )
        scale = float(guard.rate.numpy())
        self.run.add_collapse(count, {**record, "seed": self.trainer.seed, "rate_scale": scale})
        if not rolls_back or to is None:
            raise unrecoverable(detected, to, count)

    @property
    def checked_every(self) -> int:
        """Steps between two checks of the guard; 0 for none."""
        guard = self.recipe.guard
        return (guard.every_steps or self.recipe.checkpoints.every_steps) if self.trainer.guard else 0

    def check(self, step: int, means: dict[str, float]) -> None:
        """Lets the guard of the chief check the run, and all workers take over what it found."""
        guard, why = self.trainer.guard, None
        if not guard:
            return
        if self.workers.chief:
            try:
                guard.check(step, self.run.own_scores())
            except Collapse as collapse:
                why = collapse.why
        self.workers.copy_from_chief(guard.state)
        if why := self.workers.decided_by_chief(why):
            raise Collapse(step, why)

    def last_good(self, step: int, best: int | None = None) -> int | None:
        """The step of the checkpoint to roll back to from a collapse at `step`; see `collapse_guard.last_good`."""
        return last_good(self.checkpoints, step, self.recipe.checkpoints.every_steps, self.checked_every, best)

    def exported_step(self) -> int | None:
        """The step of the newest export in the run's folder, None if there is none."""
        if not versions(self.exports):
            return None
        return json.loads((newest(self.exports) / "model_card.json").read_text())["step"]

    def images_of(self, stage: Stage) -> Any:
        """What training sees in a stage: the images, or those of a growing model at the stage's resolution."""
        if stage.resolution in (None, self.recipe.data.resolution):
            return self.images
        assert isinstance(stage.resolution, int), "models that grow have square stages, see Game.check"
        return dataclasses.replace(self.source, images=self.images).at(stage.resolution).images

    def make_batches(self, stage: Stage, first: int, local: range) -> tf.data.Dataset:
        """The batches of a stage from number `first` on: the shares of the replicas `local`, one after the other."""
        return batches(
            self.images_of(stage),
            self.source.labels,
            stage.batch_size,
            self.trainer.seed,
            first,
            flip=self.recipe.data.flip,
            replicas=self.trainer.replicas,
            local=local,
            labelled=self.source.labelled,
            measure=self.measure,
            order=self.order,
        )

    def log_scalars(self, step: int, means: dict[str, float]) -> None:
        """Writes the logs for TensorBoard."""
        self.scalars.write(step, means, self.progress.rate)

    def draw_samples(self, step: int, means: dict[str, float]) -> None:
        """Writes a grid of samples, always of the same latents."""
        self.scalars.write_singular_values(step)
        sheet = overview(self.averaged.generator(), self.trainer.game.prior, self.recipe.log.grid)
        path = self.run.folder / "samples" / f"step-{step:09d}.png"
        pictures.save_png(pictures.picture(sheet.samples, sheet.columns, real=self.source.images), path)
        self.log_accuracy(step)

    def log_accuracy(self, step: int) -> None:
        """Writes the discriminator's accuracy on training and on held-out images; none before the full resolution."""
        count, game = self.recipe.log.accuracy_images, self.trainer.game
        if count and self.evaluator and game.generator.output_shape[1:] == self.source.image_shape:
            shares = accuracies(self.averaged.players(), self.source, self.evaluator.test, count)
            self.scalars.scalars(step, {f"discriminator_accuracy/{name}": value for name, value in shares.items()})

    def score(self, step: int, means: dict[str, float]) -> None:
        """Computes the recipe's scores. Stages below the full resolution have none: there are no real images to compare
        theirs with, and their scores could not be compared with later ones."""
        evaluator = self.evaluator_now()
        if not evaluator:
            return

        def report(name: str, error: ZooError) -> None:
            if isinstance(error, WorkerLost):
                raise error
            self.report(f"Step {step:,}: the score {name} could not be taken: {error}")

        try:
            with self.shared.lead() if self.shared else contextlib.nullcontext() as embed:
                if self.own_scores(step):
                    return
                scores = evaluator.scores(self.averaged.players(), step, self.recipe.evaluation.scores, report, embed)
            self.run.add_scores(scores)
        except WorkerLost:
            raise
        except Exception as error:
            if step < self.total:
                self.save(step, means, whole=True)  # nothing trained is lost, whatever was wrong with the scores
                raise
            self.scoring_error = error  # raised once the generator is exported
            return
        self.scalars.scalars(step, {f"scores/{s.name}": s.value for s in scores})

    def evaluator_now(self) -> Evaluator | None:
        """What scores the run; None if it has no scores, or none yet, since it does not make images of the full resolution."""
        whole = self.trainer.game.generator.output_shape[1:] == self.source.image_shape
        return self.evaluator if whole else None

    def help_to_score(self, step: int, means: dict[str, float]) -> None:
        """Does this worker's share of `score`."""
        if self.shared and (evaluator := self.evaluator_now()):
            made = self.shared.follow(evaluator, self.averaged.players)
            if made:
                self.report(f"Step {step:,}: made and embedded {made:,} of the samples for the scores.")

    def save(self, step: int, means: dict[str, float], whole: bool = False) -> None:
        """Writes a checkpoint: this worker's part of it, or the whole."""
        best = good = None
        if self.workers.chief:  # which alone removes old ones
            best, good = self.run.best_step(), self.last_good(step + 1) if self.trainer.guard else None
        self.checkpoints.save(step, best, good, whole)

    def own_scores(self, step: int) -> list[Score]:
        """The scores of a step under the recipe's own protocols."""
        own = self.evaluator.protocols(self.recipe.evaluation.scores) if self.evaluator else ()
        return [score for score in self.run.scores() if score.step == step and score.protocol in own]

    def final_scores(self) -> list[Score]:
        """The scores of the last step under the recipe's own protocols."""
        return self.own_scores(self.total)

    def export(self) -> str:
        """Exports the generator within the run's folder. Returns the path of the version folder."""
        export = publish.export_run if self.workers.count == 1 else publish.export_run_alone
        return str(export(self.run, self.exports))
