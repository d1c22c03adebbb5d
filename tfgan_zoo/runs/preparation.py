"""What a run checks and takes hold of before its first step: its data, its folder, and whether its scores can be taken."""

import contextlib
import fcntl
import json
import secrets
from pathlib import Path
from typing import Any, TextIO

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.data.sources import Source
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.protocol import Evaluator
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.runs.targets import make_evaluator, players_of
from tfgan_zoo.training.native_precision import native_precision
from tfgan_zoo.training.trainer import Trainer


def describe(source: Source) -> dict[str, Any]:
    """A data source as plain values, for dataset.json."""
    return {
        "source": source.name,
        "size": source.size,
        "image_shape": list(source.image_shape),
        "num_classes": source.classes,
        "class_names": list(source.class_names),
        "sha256": source.fingerprint(),
    }


def in_words(dataset: dict[str, Any]) -> str:
    """What dataset.json says, in one line for the user.

    Examples:
        >>> in_words({"source": "mnist5k", "size": 5000, "image_shape": [32, 32, 1], "class_names": list("0123456789")})
        'mnist5k, 5,000 examples of 32 x 32 x 1, 10 classes'
    """
    classes = f"{len(dataset['class_names'])} classes" if dataset["class_names"] else "no classes"
    shape = " x ".join(map(str, dataset["image_shape"]))
    return f"{dataset['source']}, {dataset['size']:,} examples of {shape}, {classes}"


def chosen_precision(recipe: Recipe, folder: str | Path) -> str:
    """The recipe's precision; in place of "auto" that of the run in this folder, or else what this machine is fastest in."""
    if recipe.precision != "auto":
        return recipe.precision
    stored = Path(folder) / "recipe.json"
    return (stored.exists() and json.loads(stored.read_text()).get("precision")) or native_precision()


def lock(folder: str | Path) -> TextIO:
    """Locks the folder, creating it if needed, until this process ends, however it ends.

    Raises:
        ZooError: another process trains in this folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = open(folder / ".lock", "a")  # noqa: SIM115
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ZooError(f"another process is training in {folder}; wait for it, or choose another --workdir.") from None
    held.truncate(0)
    held.write(secrets.token_hex(16))
    held.flush()
    return held


def checked_evaluator(recipe: Recipe, source: Source, trainer: Trainer) -> Evaluator | None:
    """The recipe's `Evaluator`; None for a run without scores.

    Raises:
        ZooError: now, what would stop the scores later.
    """
    settings = recipe.evaluation
    if settings.best_by and not direction(settings.best_by):
        raise ZooError(
            f"evaluation.best_by={settings.best_by}: neither high nor low is better in that score; choose another."
        )
    if not settings.samples:
        return None
    # On several workers each has a network of its own, on one device: the others may wait while the chief takes scores.
    with trainer.strategy.scope() if trainer.workers.count == 1 else contextlib.nullcontext():
        network = feature_network(settings.features, settings.inception_file)
    evaluator = make_evaluator(recipe.data, network, settings, source)
    try:
        evaluator.check(settings.scores, players_of(trainer.game))
    except ZooError as error:
        raise ZooError(f"{error} Or train without scores: --set evaluation.samples=0.") from None
    names = evaluator.value_names(settings.scores, players_of(trainer.game))
    if settings.best_by and settings.best_by not in names:
        raise no_such("score to keep the best checkpoint by (evaluation.best_by)", settings.best_by, names)
    return evaluator


def check_accuracy(evaluator: Evaluator | None, trainer: Trainer) -> None:
    """Raises `ZooError` if the data or the discriminator cannot give log.accuracy_images."""
    if not evaluator:
        raise ZooError("log.accuracy_images needs what scores need: set evaluation.samples above 0, or leave it out.")
    try:
        evaluator.check(["discriminator_accuracy"], players_of(trainer.game))
    except ZooError as error:
        raise ZooError(f"log.accuracy_images: {error}") from None
