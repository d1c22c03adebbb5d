"""A training run from a recipe to an exported generator: joins data, trainer, scores, pictures and checkpoints."""

import fcntl
import json

import numpy as np

from tfgan_zoo import catalog, exporting, pictures
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.errors import ZooError
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.protocol import Judge
from tfgan_zoo.runs import Run
from tfgan_zoo.serving.generators import Generator
from tfgan_zoo.serving.signatures import ExportedGenerator
from tfgan_zoo.serving.version_folder import newest, versions
from tfgan_zoo.training.guards import StopRequest
from tfgan_zoo.training.loop import Due, train
from tfgan_zoo.training.progress import Progress
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
    """Holds the folder for this process; the lock ends with it, however it ends.

    Raises:
        ZooError: another process trains in this folder.
    """
    held = open(folder / ".lock", "w")  # noqa: SIM115
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ZooError(f"another process is training in {folder}; wait for it, or choose another --workdir.") from None
    return held


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
        strategy = make_strategy(strategy)
        self.source = load_source(recipe.data)
        dataset = describe(self.source)
        build = catalog.game_builder(recipe, dataset["image_shape"], dataset["num_classes"])
        self.trainer = Trainer(recipe, build, strategy)
        self.network = self.feature_network()
        self.run = Run.start(folder, recipe, dataset)
        self.lock = lock(self.run.folder)
        self.run.remove_half_written()
        self.checkpoints = self.run.checkpoints(self.trainer.variables())
        self.start = self.checkpoints.restore_latest(tell) or 0
        self.total = recipe.total_steps
        self.run.forget_scores_after(self.start)
        if self.start:
            tell(f"Goes on at step {self.start:,}.")
        self.exports = self.run.folder / "export" / recipe.model
        self.judge = self.sampler = None

    def execute(self):
        """Takes the steps that are left. Returns the exported version folder, or None where the run was stopped."""
        images = self.recipe.batch_size * self.recipe.discriminator_steps
        if self.start >= self.total:
            self.tell(f"{self.run.folder} is complete: {self.total:,} steps are taken.")
            if self.exported_step() == self.total:
                return newest(self.exports)
        log, checks = self.recipe.log, self.recipe.checkpoints
        self.scalars = ScalarWriter(self.run.folder, self.trainer)
        dues = [
            Due(log.scalars_every_steps, self.log_scalars),
            Due(log.samples_every_steps, self.draw_samples),
            Due(self.recipe.evaluation.every_steps, self.score),
            Due(checks.every_steps, self.save, when_stopped=True),
        ]
        with StopRequest() as wish, Progress(self.total, self.start, images) as self.progress:
            dues.insert(0, Due(min(self.recipe.steps_per_call, log.scalars_every_steps), self.progress.update))
            train(self.trainer, self.make_batches, dues, stopping=lambda: bool(wish.received))
        self.scalars.close()
        if int(self.trainer.step.numpy()) < self.total:
            return None
        return self.export()

    def feature_network(self):
        """The recipe's feature network, refused now where it cannot read such images; None for a run without scores."""
        settings = self.recipe.evaluation
        if not settings.samples:
            return None
        network = feature_network(settings.features, settings.inception_file)
        try:
            network.check(self.source.images[:1])
        except ZooError as error:
            raise ZooError(f"{error} Or train without scores: --set evaluation.samples=0.") from None
        return network

    def exported_step(self):
        """The step of the newest export in the run's folder, None where there is none."""
        if not versions(self.exports):
            return None
        return json.loads((newest(self.exports) / "model_card.json").read_text())["step"]

    def make_batches(self, stage, first):
        return batches(
            self.source.images,
            self.source.labels,
            stage.batch_size,
            self.recipe.seed,
            first,
            flip=self.recipe.data.flip,
            replicas=self.trainer.replicas,
        )

    def log_scalars(self, step, means):
        self.scalars.write(step, means, self.progress.rate)

    def averaged(self):
        """The averaged generator as it is now, in float32, to sample from."""
        if self.sampler is None:
            game = self.run.build_game()
            self.float_network = game.generator
            self.exported = ExportedGenerator(game.generator, game.prior)
            self.sampler = Generator(self.exported.functions)
        current = self.trainer.average.network.variables
        for variable, average in zip(self.float_network.variables, current, strict=True):
            variable.assign(average.numpy())
        return self.sampler

    def draw_samples(self, step, means):
        count = self.recipe.log.grid**2
        classes = self.trainer.game.prior.num_classes
        labels = np.arange(count) % classes if classes else None
        images = self.averaged().sample(np.arange(count), labels=labels)
        path = self.run.folder / "samples" / f"step-{step:09d}.png"
        pictures.save_png(pictures.grid(images), path, scale=max(1, 64 // images.shape[1]))

    def score(self, step, means):
        settings = self.recipe.evaluation
        if not self.network or any(s.step == step for s in self.run.own_scores()):
            return
        if self.judge is None:
            self.judge = Judge(self.network, self.source, self.recipe.data.split, settings.samples, settings.seed)
        scores = self.judge.scores(self.averaged().sample, step)
        self.run.add_scores(scores)
        self.scalars.scalars(step, {f"scores/{s.name}": s.value for s in scores})

    def save(self, step, means):
        self.checkpoints.save(step, self.run.best_step())

    def final_scores(self):
        """The `Score`s of the last step by the recipe's own protocol."""
        own = {score.protocol for score in self.run.own_scores()}
        return [score for score in self.run.scores() if score.step == self.total and score.protocol in own]

    def export(self):
        """The generator's version folder within the run."""
        return exporting.export_run(self.run, self.exports)
