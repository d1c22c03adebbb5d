"""Opens a generator to sample from: of a run, of an export, or behind a server."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.locations import pretrained_folder
from tfgan_zoo.core.recipe_tables import DataSettings, EvaluationSettings
from tfgan_zoo.metrics.features import network_for

if TYPE_CHECKING:
    import numpy as np

    from tfgan_zoo.saved_model.signature_calls import Sampler
    from tfgan_zoo.serving.client import RemoteSampler


def open_run(folder: str | Path, checkpoint: str | int = "latest") -> "tuple[Sampler, np.ndarray | None]":
    """(the `Sampler` of a run's checkpoint, the training data if that is points in the plane)."""
    from tfgan_zoo.runs.publish import real_points
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.saved_model.signatures import ExportedGenerator

    run = Run(folder)
    network, prior, step = run.generator(checkpoint)
    print(f"{folder}, step {step:,}")
    return ExportedGenerator(network, prior).generator(), real_points(run)


def open_export(folder: str | Path, unsafe: bool = False) -> "Sampler":
    """The `Sampler` of a model's folder or one version of it; unsafe: see `version_folder.load_version`."""
    from tfgan_zoo.saved_model.version_folder import load_version, newest

    folder = newest(folder)
    print(folder)
    return load_version(folder, unsafe)


def open_server(address: str, model: str | None, **settings: Any) -> "RemoteSampler":
    """The `RemoteSampler` of a model behind "HOST:PORT". Imports no TensorFlow.

    Args:
        address: "HOST:PORT".
        model: NAME, NAME:VERSION or NAME:LABEL.
        settings: those of the `Client`.
    """
    from tfgan_zoo.serving import Client

    if not model:
        raise ZooError(f"which model of {address}? Give --model, such as --model=sngan_mnist.")
    name, _, selector = model.partition(":")
    version, label = (int(selector), None) if selector.isdecimal() else (None, selector or None)
    generator = Client(address, **settings).generator(name, version, label)
    print(f"{address}, {generator.model}")
    return generator


@dataclasses.dataclass(frozen=True)
class Subject:
    """A generator and what its recipe says of its data. class_names: () if there are none; fit, background, white_level: how images
    are brought to its size; features, inception_file: the network that it is scored with."""

    generator: "Sampler"
    class_names: tuple[str, ...] = ()
    fit: str = "pad"
    features: str = "mnist_cnn"
    inception_file: str | None = None
    background: int = 0
    white_level: int | None = None


def open_subject(
    run: str | Path | None, export: str | Path | None, checkpoint: str | int = "latest", unsafe: bool = False
) -> Subject:
    """The `Subject` of a run's checkpoint, or of an export: a folder, or the name of one that comes with the library.

    Raises:
        ZooError: neither or both are given, or what is given cannot be opened.
    """
    from tfgan_zoo.runs.run_folder import Run

    if bool(run) == bool(export):
        raise ZooError("give either --run or --export, a folder; see --help.")
    if run:
        generator, _ = open_run(run, checkpoint)
        opened = Run(run)
        return described(generator, opened.recipe, opened.dataset)
    from tfgan_zoo.saved_model.version_folder import card_of, newest

    folder = newest(known_export(str(export)))
    generator, card = open_export(folder, unsafe), card_of(folder)
    a_recipe = recipe.parse(card["recipe"]) if "recipe" in card else None
    return described(generator, a_recipe, card.get("dataset", {}))


def described(generator: "Sampler", a_recipe: recipe.Recipe | None, dataset: dict[str, Any]) -> Subject:
    """The `Subject` of a generator; what no recipe or data set says is as in a recipe that leaves it out."""
    names = tuple(map(str, dataset.get("class_names") or ()))
    names = names if len(names) == generator.num_classes else ()
    data, scores = (a_recipe.data, a_recipe.evaluation) if a_recipe else (DataSettings(), EvaluationSettings())
    features = (
        network_for([size or 0 for size in generator.sample_shape], names)
        if scores.features == "auto"
        else scores.features
    )
    return Subject(generator, names, data.fit, features, scores.inception_file, data.background, data.white_level)


def known_export(name: str) -> Path:
    """The folder of an export that is given by its path, or by its name if it comes with the library.

    Raises:
        ZooError: there is neither such a folder nor such a name.
    """
    if Path(name).exists():
        return Path(name)
    shipped = sorted(path.name for path in pretrained_folder().glob("*") if path.is_dir())
    if name in shipped:
        return pretrained_folder() / name
    raise no_such("folder or trained generator", name, shipped)
