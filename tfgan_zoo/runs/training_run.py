"""A training run from a recipe to an exported generator: joins data, trainer, scores, pictures and checkpoints."""

import fcntl
import json
from dataclasses import replace
from pathlib import Path

from tfgan_zoo import pictures

from tfgan_zoo.runs import building
from tfgan_zoo.runs import publish
from tfgan_zoo.data.training_view import training_view
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.runs.targets import make_evaluator, players_of
from tfgan_zoo.metrics.discriminator_scores import accuracies
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.score_registry import direction, kinds_of
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.saved_model.signatures import ExportedGenerator
from tfgan_zoo.saved_model.sweeps import overview
from tfgan_zoo.saved_model.version_folder import newest, versions
from tfgan_zoo.training.collapse_guard import last_good, refused
from tfgan_zoo.training.stopping import Collapse, StopRequest
from tfgan_zoo.training.loop import Callback, train
from tfgan_zoo.training.progress import Progress
from tfgan_zoo.training.standing_statistics import refresh_standing_statistics
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.summaries import ScalarWriter
from tfgan_zoo.training.trainer import Trainer


def describe(source):
    """What dataset.json says of a source: plain values."""
    return {
        "source": source.name,
        "size": source.size,
        "image_shape": list(source.image_shape),
        "num_classes": source.classes,
        "class_names": list(source.class_names),
        "sha256": source.fingerprint(),
    }


def lock(folder):
    """Holds the folder, made where it is not there, for this process; the lock ends with it, however it ends.

    Raises:
        ZooError: another process trains in this folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = open(folder / ".lock", "w")  # noqa: SIM115
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ZooError(f"another process is training in {folder}; wait for it, or choose another --workdir.") from None
    return held


def copy_values(network, into):
    """Gives the variables of a network to its twin, of any precision."""
    for variable, twin in zip(network.variables, into.variables, strict=True):
        twin.assign(variable.numpy())


class TrainingRun:
    """One run: opens or begins its folder, builds the trainer, restores what is there.

    Args:
        recipe: a `Recipe`.
        folder: of the run.
        strategy: name for `make_strategy`.
        tell: called with each sentence for the user.
    """

    def __init__(self, recipe, folder, strategy="one", tell=print):
        self.recipe, self.tell = recipe, tell
        kinds_of(recipe.evaluation.scores)  # a mistyped name is told at once
        strategy = make_strategy(strategy)
        self.source = load_source(recipe.data)
        dataset = describe(self.source)
        build = building.game_builder(recipe, dataset["image_shape"], dataset["num_classes"])
        self.images, self.measure = training_view(self.source, recipe.data)
        self.trainer = Trainer(recipe, build, strategy)
        self.evaluator = self.checked_evaluator()
        if recipe.log.accuracy_images:
            self.check_accuracy()
        Run.refuse_other_files(folder)
        self.lock = lock(folder)  # before recipe.json is written, which another process may be at work by
        self.run = Run.start(folder, recipe, dataset)
        self.run.remove_half_written()
        if self.evaluator:
            self.run.keep_protocols(self.evaluator.protocols(recipe.evaluation.scores))
        self.checkpoints = self.run.checkpoints(self.trainer.variables())
        self.start = self.checkpoints.restore_latest(tell) or 0
        self.total = recipe.total_steps
        self.run.forget_scores_after(self.start)
        if self.start:
            tell(f"Goes on at step {self.start:,}.")
        if self.recipe.guard.on_collapse == "rollback" and not self.checkpoints.steps():
            self.checkpoints.save(0)  # from the first step on there is one to go back to
        self.exports = self.run.folder / "export" / recipe.model
        self.sampler, self.sampled_stage = None, None

    def execute(self):
        """Takes the steps that are left. Returns the exported version folder, or None where the run was stopped."""
        if self.start >= self.total:
            self.tell(f"{self.run.folder} is complete: {self.total:,} steps are taken.")
            if self.exported_step() == self.total:
                return newest(self.exports)
        log, checks = self.recipe.log, self.recipe.checkpoints
        self.scalars = ScalarWriter(self.run.folder, self.trainer)
        callbacks = [
            Callback(log.scalars_every_steps, self.log_scalars),
            Callback(log.samples_every_steps, self.draw_samples, after_stages=True),
            Callback(self.recipe.evaluation.every_steps, self.score),
            Callback(self.looked_every, self.look),
            Callback(checks.every_steps, self.save, when_stopped=True),
        ]
        with StopRequest() as wish, Progress(self.total, self.start, self.recipe.images_seen) as self.progress:
            callbacks.insert(0, Callback(min(self.recipe.steps_per_call, log.scalars_every_steps), self.progress.update))
            while self.went_back(callbacks, lambda: bool(wish.received)):
                pass
        self.scalars.close()
        if int(self.trainer.step.numpy()) < self.total:
            return None
        return self.export()

    def went_back(self, callbacks, stopping):
        """Takes the steps that are left, up to the end, a wish to stop or a collapse. Returns whether the run went back from
        one and is to go on.

        Raises:
            ZooError: it collapsed, and the recipe's guard does not ask to go back, or not so often.
        """
        try:
            train(self.trainer, self.make_batches, callbacks, stopping)
            return False
        except Collapse as collapse:
            if not self.trainer.guard:
                raise
            seen = collapse
        guard, settings = self.trainer.guard, self.recipe.guard
        count, to = int(guard.rollbacks.numpy()), self.last_good(seen.step, self.run.best_step())
        goes_back = settings.on_collapse == "rollback" and count < settings.rollbacks and to is not None
        record = {"step": seen.step, "why": seen.why, "went_back_to": to if goes_back else None}
        self.scalars.write_collapse(seen.step, seen.why, count + 1)
        if goes_back:
            guard.go_back(self.checkpoints, to)
            self.run.forget_scores_after(to)
            self.tell(f"Step {seen.step:,}: {seen.why}. Back to step {to:,}, on with seed {self.trainer.seed}.")
        scale = float(guard.rate.numpy())
        self.run.add_collapse(count, {**record, "seed": self.trainer.seed, "rate_scale": scale})
        if not goes_back:
            raise refused(seen, to, count)
        return True

    @property
    def looked_every(self):
        """Steps between two looks of the guard; 0 for none."""
        guard = self.recipe.guard
        return (guard.every_steps or self.recipe.checkpoints.every_steps) if self.trainer.guard else 0

    def look(self, step, means):
        if self.trainer.guard:
            self.trainer.guard.look(step, self.run.own_scores())

    def last_good(self, step, best=None):
        """The step of the checkpoint to go back to from a collapse at `step`, as `training.collapse.last_good` has it."""
        return last_good(self.checkpoints, step, self.recipe.checkpoints.every_steps, self.looked_every, best)

    def checked_evaluator(self):
        """The `Judge` by the recipe, refused now where it cannot take the scores; None for a run without them."""
        settings = self.recipe.evaluation
        if settings.best_by and not direction(settings.best_by):
            raise ZooError(f"evaluation.best_by={settings.best_by}: that score has no better end; take another.")
        if not settings.samples:
            return None
        with self.trainer.strategy.scope():
            network = feature_network(settings.features, settings.inception_file)
        evaluator = make_evaluator(self.recipe.data, network, settings, self.source)
        try:
            evaluator.check(settings.scores, players_of(self.trainer.game))
        except ZooError as error:
            raise ZooError(f"{error} Or train without scores: --set evaluation.samples=0.") from None
        return evaluator

    def check_accuracy(self):
        """Raises `ZooError` where log.accuracy_images asks for what the data or the discriminator does not have."""
        if not self.evaluator:
            raise ZooError(
                "log.accuracy_images needs what scores need: set evaluation.samples above 0, or leave it out."
            )
        try:
            self.evaluator.check(["discriminator_accuracy"], players_of(self.trainer.game))
        except ZooError as error:
            raise ZooError(f"log.accuracy_images: {error}") from None

    def exported_step(self):
        """The step of the newest export in the run's folder, None where there is none."""
        if not versions(self.exports):
            return None
        return json.loads((newest(self.exports) / "model_card.json").read_text())["step"]

    def images_of(self, stage):
        """What training sees at a stage: the images, or a growing model's at the stage's resolution."""
        whole = stage.resolution in (None, self.recipe.data.resolution)
        return self.images if whole else replace(self.source, images=self.images).at(stage.resolution).images

    def make_batches(self, stage, first):
        return batches(
            self.images_of(stage),
            self.source.labels,
            stage.batch_size,
            self.trainer.seed,
            first,
            flip=self.recipe.data.flip,
            replicas=self.trainer.replicas,
            labelled=self.source.labelled,
            measure=self.measure,
        )

    def log_scalars(self, step, means):
        self.scalars.write(step, means, self.progress.rate)

    def averaged(self):
        """The averaged generator as it is now, in float32, to sample from. Each stage has its own, whose layers are its own."""
        stage = self.recipe.stage_at(int(self.trainer.step.numpy()))
        if self.sampler is None or stage != self.sampled_stage:
            self.float_game, self.sampled_stage = self.run.build_game(stage), stage
            self.sampler = ExportedGenerator(self.float_game.generator, self.float_game.prior).generator()
            self.float_players = players_of(self.float_game, self.sampler)
        copy_values(self.trainer.average.network, self.float_game.generator)
        refresh_standing_statistics(self.float_game, self.recipe, stage)
        return self.sampler

    def players(self):
        """The averaged generator and the discriminator as they are now, in float32, to be scored."""
        self.averaged()
        copy_values(self.trainer.game.discriminator, self.float_game.discriminator)
        return self.float_players

    def draw_samples(self, step, means):
        self.scalars.write_singular_values(step)
        sheet = overview(self.averaged(), self.trainer.game.prior, self.recipe.log.grid)
        path = self.run.folder / "samples" / f"step-{step:09d}.png"
        pictures.save_png(pictures.picture(sheet.samples, sheet.columns, real=self.source.images), path)
        self.log_accuracy(step)

    def log_accuracy(self, step):
        """The discriminator's accuracy on training and on held-out images; none before the full resolution."""
        count, game = self.recipe.log.accuracy_images, self.trainer.game
        if count and game.generator.output_shape[1:] == self.source.image_shape:
            found = accuracies(self.players(), self.source, self.evaluator.test, count)
            self.scalars.scalars(step, {f"discriminator_accuracy/{name}": value for name, value in found.items()})

    def score(self, step, means):
        """Takes the recipe's scores. In a stage below the full resolution there are none: its images have no reals to be
        compared with, and its scores could not be compared with later ones."""
        whole = self.trainer.game.generator.output_shape[1:] == self.source.image_shape
        if not self.evaluator or not whole or self.own_scores(step):
            return
        settings = self.recipe.evaluation
        try:
            scores = self.evaluator.scores(self.players(), step, settings.scores)
            self.run.add_scores(scores)
            if settings.best_by and settings.best_by not in (names := [s.name for s in scores]):
                raise no_such("score to keep the best checkpoint by (evaluation.best_by)", settings.best_by, names)
        except (ZooError, OSError):
            self.save(step, means)  # what was trained is kept, whatever was wrong with the scores
            raise
        self.scalars.scalars(step, {f"scores/{s.name}": s.value for s in scores})

    def save(self, step, means):
        good = self.last_good(step + 1) if self.trainer.guard else None
        self.checkpoints.save(step, self.run.best_step(), good)

    def own_scores(self, step):
        """The `Score`s of a step by the recipe's own protocols."""
        own = self.evaluator.protocols(self.recipe.evaluation.scores) if self.evaluator else ()
        return [score for score in self.run.scores() if score.step == step and score.protocol in own]

    def final_scores(self):
        """The recipe's own `Score`s of the last step."""
        return self.own_scores(self.total)

    def export(self):
        """The generator's version folder within the run."""
        return publish.export_run(self.run, self.exports)
