"""The first weights of a run, taken from a trained generator and discriminator: a recipe's `init_from`.

Every variable whose path and shape fit is taken, batch statistics and the vectors of spectral norm included; the others begin
anew, and so do the optimisers, the objective's state and the step. The generator and its average begin with the *averaged*
weights, since those are what was scored and exported. What indexes by the class follows the names of the classes; see
`class_tables`. The run's first checkpoint, of step 0, holds the result, so that resuming needs the source no more.
"""

import dataclasses
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgan_zoo import __version__
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import PLAYERS
from tfgan_zoo.core.recipe import Recipe
from tfgan_zoo.layers import SpectralNormalization
from tfgan_zoo.layers.replaced_kernel import kernel_of
from tfgan_zoo.runs import building
from tfgan_zoo.runs.class_tables import ClassRows, ClassTable, class_tables, rows_by_class
from tfgan_zoo.runs.run_folder import write_json
from tfgan_zoo.runs.trained_weights import open_trained
from tfgan_zoo.training.checkpoints import Checkpoints
from tfgan_zoo.training.native_precision import precision
from tfgan_zoo.training.trainer import Trainer

NAME = "initialization.json"
NOT_THERE, OTHER_CLASSES = "not there", "of other classes"
SHOWN = 4  # layers that a message names; the rest is in the file


@dataclasses.dataclass(frozen=True)
class Fit:
    """How trained weights fit one network.

    Attributes:
        values: {path: array} for the variables that begin with trained weights.
        by_class: the paths of those that were put together by class.
        anew: {path: why} of the variables that begin anew.
        unused: paths of trained weights that the network has no place for.
    """

    values: Mapping[str, np.ndarray]
    by_class: tuple[str, ...]
    anew: Mapping[str, str]
    unused: tuple[str, ...]


def fit(
    network: keras.Model, trained: Mapping[str, np.ndarray], tables: Mapping[str, ClassTable], rows: ClassRows
) -> Fit:
    """Finds a value for every variable of a network.

    Args:
        network: in training.
        trained: {path: array}.
        tables: where the network's variables index by the class; {} to take these as they are.
        rows: which class is which.
    """
    values: dict[str, np.ndarray] = {}
    by_class, anew = [], {}
    for variable in network.variables:
        path, array = variable.path, trained.get(variable.path)
        shape = tuple(variable.shape)
        if array is None:
            anew[path] = NOT_THERE
        elif table := tables.get(path):
            merged = table.merged(rows, np.asarray(variable.numpy()), array)
            if merged is None:
                anew[path] = f"{list(array.shape)} there, {list(shape)} here"
            elif not rows.pairs and not table.before + table.after:
                anew[path] = OTHER_CLASSES
            else:
                values[path] = merged
                by_class.append(path)
        elif array.shape == shape:
            values[path] = array
        else:
            anew[path] = f"{list(array.shape)} there, {list(shape)} here"
    return Fit(values, tuple(by_class), anew, tuple(sorted(trained.keys() - {v.path for v in network.variables})))


class Initialization:
    """The first weights of a run, found and checked, but not yet assigned.

    Args:
        recipe: of the run; its `init_from` and `init_checkpoint` are read.
        dataset: of the run, as in dataset.json.
        trainer: the run's `Trainer`.

    Attributes:
        trained: the `TrainedWeights`.
        rows: which class is which, a `ClassRows`.
        fits: {player: `Fit`}.

    Raises:
        ZooError: there is nothing at init_from, nothing of it fits, or it holds NaN or infinity.
    """

    def __init__(self, recipe: Recipe, dataset: Mapping[str, Any], trainer: Trainer) -> None:
        assert recipe.init_from
        self.recipe, self.dataset, self.trainer = recipe, dataset, trainer
        self.trained = open_trained(recipe.init_from, recipe.init_checkpoint)
        names, count = tuple(dataset["class_names"]), dataset["num_classes"]
        self.rows = rows_by_class(self.trained.class_names, names, self.trained.num_classes, count)
        tables: dict[str, dict[str, ClassTable]] = {player: {} for player in PLAYERS}
        if not self.rows.same:
            tables = class_tables(trainer.game, self.game_of, count)
        self.fits = {
            player: fit(getattr(trainer.game, player), getattr(self.trained, player), tables[player], self.rows)
            for player in PLAYERS
        }
        self.refuse_misfits()

    def game_of(self, num_classes: int) -> Any:
        """The recipe's game for another number of classes."""
        with precision("float32"):
            return building.game_builder(self.recipe, self.dataset["image_shape"], num_classes)()

    def refuse_misfits(self) -> None:
        """Raises `ZooError` if no kernel fits, or what would be taken is not finite."""
        source = f"init_from={self.recipe.init_from}"
        if not any(array.ndim >= 2 for fits in self.fits.values() for array in fits.values.values()):
            there = summary({path: array.shape for path, array in self.trained.generator.items()})
            here = summary({v.path: tuple(v.shape) for v in self.trainer.game.generator.variables})
            raise ZooError(
                f"{source}: nothing there fits. It is of {self.trained.model or 'an unnamed model'}, whose generator has {there}; "
                f"that of {self.recipe.model} has {here}. Take weights of the same model and widths (arguments.*)."
            )
        for player, fits in self.fits.items():
            wrong = [path for path, array in fits.values.items() if not np.isfinite(array).all()]
            if wrong:
                raise ZooError(
                    f"{source}: {player}/{wrong[0]} holds NaN or infinity, as training leaves it that went wrong; take an "
                    "earlier checkpoint by init_checkpoint."
                )

    def carry_out(self, folder: Path) -> str:
        """Assigns the weights and writes initialization.json into the run's folder. Returns a message for the user."""
        game, average = self.trainer.game, self.trainer.average.network
        for player, fits in self.fits.items():
            network = getattr(game, player)
            for variable in network.variables:
                if variable.path in fits.values:
                    variable.assign(fits.values[variable.path])
            renew_vectors(network, fits.by_class)
        for variable, current in zip(average.variables, game.generator.variables, strict=True):
            variable.assign(current.numpy())
        write_json(folder / NAME, self.record())
        return self.message()

    def record(self) -> dict[str, Any]:
        """What was taken from where, as plain values for initialization.json."""
        trained, names = self.trained, self.dataset["class_names"]
        return {
            "init_from": self.recipe.init_from,
            "folder": os.path.realpath(os.path.expanduser(str(self.recipe.init_from))),
            "kind": trained.kind,
            "model": trained.model,
            "step": trained.step,
            "sha256": dict(trained.sha256),
            "taken": {player: len(fits.values) for player, fits in self.fits.items()},
            "by_class": {player: list(fits.by_class) for player, fits in self.fits.items()},
            "anew": {player: dict(fits.anew) for player, fits in self.fits.items()},
            "unused": {player: list(fits.unused) for player, fits in self.fits.items()},
            "classes": {
                "by": self.rows.by,
                "taken": [label(names, i) for i in self.rows.pairs],
                "new": [label(names, i) for i in range(self.rows.here) if i not in self.rows.pairs],
            },
            "tfgan_zoo": __version__,
        }

    def message(self) -> str:
        """Which weights were taken, and which begin anew, in a few lines."""
        trained, taken = self.trained, {player: len(fits.values) for player, fits in self.fits.items()}
        totals = {player: len(fits.values) + len(fits.anew) for player, fits in self.fits.items()}
        lines = [
            f"Beginning with {trained.where} ({trained.model or trained.kind}): {taken['generator']} of {totals['generator']} "
            f"variables of the generator and its average, {taken['discriminator']} of {totals['discriminator']} of the "
            "discriminator."
        ]
        for player in ("generator", "discriminator"):
            fits = self.fits[player]
            if not getattr(trained, player):
                lines.append(f"  There is no {player}: it begins anew.")
            elif fits.anew:
                lines.append(f"  {player}, {len(fits.anew)} begin anew: {grouped(fits.anew)}")
            if fits.unused and fits.values:
                lines.append(f"  {player}, {len(fits.unused)} of there have no place here: {grouped(fits.unused)}")
        if not self.rows.same and any(OTHER_CLASSES in f.anew.values() or f.by_class for f in self.fits.values()):
            lines.append(f"  {self.classes()}")
        if len(lines) > 1:
            lines.append(f"  All names are in {NAME}.")
        return "\n".join(lines)

    def classes(self) -> str:
        """A sentence on the classes."""
        rows, names = self.rows, self.dataset["class_names"]
        new = [label(names, i) for i in range(rows.here) if i not in rows.pairs]
        by = f", by {rows.by}" if rows.by else ""
        listed = f"; new ones, whose rows begin anew: {shortened(new, 10)}" if new else ""
        return f"Classes: {len(rows.pairs)} of {rows.here} were there{by}{listed}."


def first_weights(recipe: Recipe, dataset: Mapping[str, Any], trainer: Trainer, folder: Path) -> Initialization | None:
    """The `Initialization` that a run in this folder begins with; None without `init_from`, or if it has a checkpoint.

    Raises:
        ZooError: as `Initialization`.
    """
    if not recipe.init_from or Checkpoints(folder / "checkpoints").steps():
        return None
    return Initialization(recipe, dataset, trainer)


def as_recorded(recipe: Recipe, folder: Path) -> Recipe:
    """`recipe` with `init_from` spelled as in the folder's own record, if both lead to one place."""
    path = folder / NAME
    if not recipe.init_from or not path.exists():
        return recipe
    record = json.loads(path.read_text())
    same = os.path.realpath(os.path.expanduser(recipe.init_from)) == record["folder"]
    return recipe.model_copy(update={"init_from": record["init_from"]}) if same else recipe


def renew_vectors(network: keras.Model, paths: Collection[str]) -> None:
    """Takes spectral norm's power iterations for the kernels at these paths, which no stored vectors belong to."""
    if not paths:
        return
    for layer in network._flatten_layers(include_self=False):  # Keras has no public walk over layers within layers
        if isinstance(layer, SpectralNormalization) and kernel_of(layer.layer).path in paths:
            layer.renew()


def label(names: list[str], index: int) -> str:
    """The name of a class, or its number if it has none."""
    return names[index] if names else str(index)


def shortened(names: list[str], count: int) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:count]) + (f" and {len(names) - count:,} more" if len(names) > count else "")


def grouped(paths: Collection[str]) -> str:
    """Paths by layer: "dense (kernel, bias), norm (scale)"; with {path: why}, the reason where that is a shape."""
    layers: dict[str, list[str]] = {}
    reasons = paths if isinstance(paths, Mapping) else {}
    for path in paths:
        layer, _, name = path.rpartition("/")
        why = reasons.get(path, NOT_THERE)
        layers.setdefault(layer, []).append(name if why == NOT_THERE else f"{name} {why}")
    return shortened([f"{layer} ({', '.join(names)})" for layer, names in layers.items()], SHOWN)


def summary(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The number of variables and the shapes of the first kernels."""
    kernels = [f"{path} {list(shape)}" for path, shape in shapes.items() if len(shape) >= 2]
    return f"{len(shapes)} variables such as {shortened(kernels, 2)}"
