"""What can be scored (a run, an export or a folder of images), the evaluator of a recipe, and scores as text."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError, sentence_of
from tfgan_zoo.core.game import Game, run_network
from tfgan_zoo.core.priors import Prior
from tfgan_zoo.core.recipe_tables import DataSettings, EvaluationSettings
from tfgan_zoo.data import toy
from tfgan_zoo.data.images_on_disk import cache_folder
from tfgan_zoo.data.sources import LOADERS, Source, load_source
from tfgan_zoo.metrics.embedding import FeatureCache
from tfgan_zoo.metrics.features import FeatureNetwork
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Evaluator, Score
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.saved_model.signatures import ExportedGenerator, style_parts
from tfgan_zoo.saved_model.version_folder import load_version, newest


def make_evaluator(
    data: DataSettings,
    network: FeatureNetwork,
    evaluation: EvaluationSettings,
    source: Source | None = None,
    resamples: int = 0,
    watch: Callable[[Iterable, str], Iterable] = lambda parts, text: parts,
    own_data: bool = True,
) -> Evaluator:
    """The `Evaluator` for a recipe's data. The held-out split is loaded only when a score needs it.

    Args:
        data: the recipe's data settings.
        network: the feature network.
        evaluation: the recipe's evaluation settings; samples, real_images and seed are used.
        source: what `data` loads, if it is loaded already.
        resamples: see `Evaluator`.
        watch: see `Evaluator`.
        own_data: see `Evaluator`.
    """

    def held_out() -> Source:
        return load_source(data.model_copy(update={"split": data.held_out_split, "labels_per_class": None}))

    return Evaluator(
        network,
        source or load_source(data),
        data.split,
        evaluation.samples,
        evaluation.seed,
        held_out,
        mixture_of(data),
        evaluation.real_images,
        FeatureCache(cache_folder(data) / "features"),
        resamples,
        watch,
        own_data,
        data.held_out_split,
    )


def mixture_of(data: DataSettings) -> tuple[np.ndarray, float] | None:
    """(centres float64 [M, 2], standard deviation) if the data is a mixture of Gaussians in the plane, otherwise None."""
    kind, _, name = data.source.partition(":")
    if kind != "toy":
        return None
    try:
        return toy.modes(name), toy.deviation(name)
    except ZooError:  # circles have no centres
        return None


def players_of(game: Game, generator: Any = None, truncation: float | None = None) -> Players:
    """The two players of a game as scores use them.

    Args:
        game: in float32. Weights assigned to its networks later take effect.
        generator: the `Sampler` of the game's generator; None if the players are only checked and nothing is sampled.
        truncation: None for none.
    """
    inputs = {tensor.name: tensor for tensor in game.discriminator.inputs}

    def discriminate(images: np.ndarray, labels: np.ndarray | None = None, batch_size: int = 100) -> dict:
        parts = []
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            batch = np.asarray(images[rows])
            values = {"images": batch.astype(np.float32) / 127.5 - 1 if batch.dtype == np.uint8 else batch}
            if "labels" in inputs and labels is not None:
                values["labels"] = np.asarray(labels[rows], np.int32)
            parts.append(outputs(values))
        return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}

    @tf.function(autograph=False, reduce_retracing=True)
    def outputs(values):
        return run_network(game.discriminator, values, training=False)

    paths = style_functions(generator, truncation) if style_parts(game.generator) else {}
    if not game.sees_images:
        return Players(sampler(generator, truncation), prior=game.prior, truncation=truncation, **paths)
    widths = {name: tensor.shape[-1] for name, tensor in game.discriminator.output.items()}
    shape = tuple(game.generator.output_shape[1:])
    return Players(sampler(generator, truncation), discriminate, game.prior, truncation, widths, shape, **paths)


def check_same_images(
    source: Source, data: DataSettings, a_recipe: recipe.Recipe | None, dataset: dict[str, Any] | None
) -> None:
    """Raises `ZooError` if `data` is the recipe's own and its source now holds other images than `dataset` describes."""
    if not (a_recipe and data == a_recipe.data and dataset):
        return
    trained_on = dataset["sha256"]  # None for imported weights, whose images are unknown
    if trained_on and source.fingerprint() != trained_on:
        raise ZooError(f"{source.name} holds other images now than those that were trained on.")


def changed_data(data: DataSettings, changes: dict[str, Any]) -> DataSettings:
    """The settings with changes; if the source is another, without what a recipe says of its own: split, classes and labels."""
    if changes.get("source", data.source) != data.source:
        changes = {"split": "all", "labels_per_class": None, "classes": None, "label_feature": None, **changes}
    return data.model_copy(update=changes)


class RunTarget:
    """A checkpoint of a run, to be scored.

    Attributes:
        recipe: the run's recipe.
        step: of the checkpoint.
    """

    def __init__(self, folder: str | Path, checkpoint: str | int = "latest") -> None:
        self.run = Run(folder)
        self.recipe = self.run.recipe
        self.game, self.step = self.run.players(checkpoint)
        self.generator = ExportedGenerator(self.game.generator, self.game.prior).generator()

    def players(self, truncation: float | None = None) -> Players:
        """Its players, with samples truncated at this bound."""
        return players_of(self.game, self.generator, truncation)

    def check_source(self, source: Source, data: DataSettings) -> None:
        """Raises `ZooError` if the data is the run's own and now holds other images, or if a growing run was below its full
        resolution."""
        made, full = tuple(self.game.generator.output_shape[1:]), tuple(self.run.dataset["image_shape"])
        if made != full:
            raise ZooError(
                f"at step {self.step:,} {self.run.folder} makes images of {made[0]}x{made[1]}, and scores need "
                f"{full[0]}x{full[1]}; use a checkpoint of a later stage, or view its samples: python -m tfgan_zoo.sample."
            )
        check_same_images(source, data, self.recipe, self.run.dataset)

    def store(self, scores: Sequence[Score]) -> None:
        """Adds the scores to the run's scores.jsonl."""
        self.run.add_scores(scores)


class ExportTarget:
    """An exported generator, to be scored; there is no discriminator.

    Attributes:
        recipe: that its card states; None without a card.
        step: of the exported checkpoint; 0 without a card.
    """

    def __init__(self, folder: str | Path, unsafe: bool = False) -> None:
        version_folder = newest(folder)
        self.generator = load_version(version_folder, unsafe)
        path = version_folder / "model_card.json"
        card = json.loads(path.read_text()) if path.exists() else {}
        self.recipe = recipe.parse(card["recipe"]) if "recipe" in card else None
        self.dataset, self.step = card.get("dataset"), card.get("step", 0)
        self.prior = Prior(self.generator.noise_size, None, self.generator.num_classes, self.generator.codes)

    def players(self, truncation: float | None = None) -> Players:
        """The generator alone, with samples truncated at this bound."""
        shape: Any = self.generator.sample_shape
        paths = style_functions(self.generator, truncation) if self.generator.styles_shape else {}
        return Players(
            sampler(self.generator, truncation), prior=self.prior, truncation=truncation, shape=shape, **paths
        )

    def check_source(self, source: Source, data: DataSettings) -> None:
        """Raises `ZooError` if the data is the recipe's own and now holds other images than were trained on."""
        check_same_images(source, data, self.recipe, self.dataset)

    def store(self, scores: Sequence[Score]) -> None:
        """Does nothing: an export has no place for scores."""


class ImagesTarget:
    """Existing images, to be scored.

    Args:
        folder: a folder of images, or a source such as arrays:FILE.npz.
        data: the settings of the data that they are compared with, whose resolution and channels they are converted to.
        samples: how many are used, drawn by `seed`; None for all.
        seed: the evaluator's.

    Raises:
        ZooError: there are fewer images than `samples`, or fewer than two.
    """

    recipe, step = None, 0

    def __init__(self, folder: str, data: DataSettings, samples: int | None, seed: int) -> None:
        name = folder if folder.partition(":")[0] in LOADERS else f"folder:{folder}"
        changes = {"source": name, "split": "all", "labels_per_class": None, "classes": None}
        self.images, self.seed = load_source(data.model_copy(update=changes)).images, seed
        # Files are sorted by class, so the first samples, and the splits of some scores, would hold few classes.
        self.order = np.random.default_rng(seed).permutation(len(self.images))[:samples]
        if len(self.images) < (samples or 2):
            raise ZooError(
                f"{folder} holds {len(self.images):,} images: expected at least {samples or 2:,}; see --samples."
            )

    def players(self, truncation: float | None = None) -> Players:
        """A generator whose samples are the images.

        Raises:
            ZooError: `truncation` is given.
        """
        if truncation is not None:
            raise ZooError("--truncation applies to a generator, and --images has none; leave it out.")
        return Players(
            lambda seeds, labels=None, codes=None: self.images[self.order[np.asarray(seeds) - self.seed]],
            shape=self.images.shape[1:],
            limit=len(self.order),
        )

    def check_source(self, source: Source, data: DataSettings) -> None:
        """Does nothing: the evaluator checks that the shapes agree."""

    def store(self, scores: Sequence[Score]) -> None:
        """Does nothing: images have no place for scores."""


def sampler(generator: Any, truncation: float | None) -> Callable:
    """`Players.generate` from a `Sampler` at a truncation."""

    def generate(seeds: np.ndarray, labels: np.ndarray | None = None, codes: np.ndarray | None = None) -> np.ndarray:
        return generator.sample(seeds, truncation, labels, codes)

    return generate


def style_functions(generator: Any, truncation: float | None) -> dict[str, Any]:
    """`Players.styles` and `Players.from_styles` from a `Sampler` at a truncation."""

    def styles(seeds: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        return generator.styles(seeds, truncation, labels)

    return {"styles": styles, "from_styles": lambda styles: generator.from_styles(styles)}


def sweep(
    target: Any, evaluator: Evaluator, names: Sequence[str], bounds: Sequence[float | None]
) -> tuple[list[Score], list[str]]:
    """(the scores of a target at each bound of truncation, stored with it; what went wrong, without repetition).

    What could be computed is returned, whatever else could not be computed or stored.
    """
    scores: list[Score] = []
    problems: dict[str, None] = {}

    def failed(name: str, error: ZooError) -> None:
        problems[f"the score {name} could not be taken: {error}"] = None

    for bound in bounds:
        scores += evaluator.scores(target.players(bound), target.step, names, failed)
        try:
            target.store(scores)  # after each bound, so that an interrupted sweep loses none
        except OSError as error:
            problems[f"the scores could not be stored: {sentence_of(error)}"] = None
    return scores, list(problems)


def described(scores: Iterable[Score]) -> list[str]:
    """Lines with the scores, then with the protocols by which they were taken."""
    lines: list[str] = []
    protocols: dict[Any, list[str]] = {}
    for s in scores:
        error = "" if s.standard_error is None else f" ± {s.standard_error:.2g}"
        interval = "" if s.interval is None else f"  95 %: {s.interval[0]:.6g} to {s.interval[1]:.6g}"
        bound = "" if s.protocol.truncation is None else f"truncation {s.protocol.truncation:g}, "
        lines.append(f"{s.name} = {s.value:.6g}{error}{interval}  ({bound}step {s.step:,})")
        names = protocols.setdefault(dataclasses.replace(s.protocol, truncation=None), [])
        if s.name not in names:
            names.append(s.name)
    for protocol, names in protocols.items():
        fields = {key: value for key, value in dataclasses.asdict(protocol).items() if key != "truncation"}
        lines.append(f"protocol of {', '.join(names)}: " + json.dumps(fields, indent=2))
    return lines


def comparison(one: Run, other: Run) -> list[str]:
    """Lines that compare the latest scores of two runs, for each name and protocol that both have.

    Raises:
        ZooError: they have no score in common; names the differences if only the protocols differ.
    """
    latest = [{(s.name, s.protocol): s for s in sorted(run.scores(), key=lambda s: s.step)} for run in (one, other)]
    common = [key for key in latest[0] if key in latest[1]]
    if not common:
        for mine in reversed(latest[0].values()):
            for theirs in reversed(latest[1].values()):
                if mine.name == theirs.name and direction(mine.name):
                    mine.better_than(theirs)  # raises, naming how the protocols differ
        raise ZooError(
            f"{one.folder} and {other.folder} have no score in common; run python -m tfgan_zoo.evaluate on both."
        )
    lines = []
    for key in common:
        first, second = (scores[key] for scores in latest)
        line = f"{first.name}: {first.value:.6g} (step {first.step:,}) and {second.value:.6g} (step {second.step:,})"
        if direction(first.name):
            better = one.folder if first.better_than(second) else other.folder if second.better_than(first) else "equal"
            line += f"  better: {better}"
        lines.append(line)
    return lines
