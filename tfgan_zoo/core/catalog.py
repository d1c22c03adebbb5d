"""Models and presets by name, the arguments that a model takes, and on what a preset has been run."""

import importlib
import inspect
import pkgutil
import types
from pathlib import Path
from typing import Any

import pydantic

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.locations import PACKAGE, recipes_folder
from tfgan_zoo.core.recipe_tables import Count, Table

# Arguments of `build` that depend on the data; the recipe gives the others.
GIVEN = ("image_shape", "num_classes", "measurement")


# The preset that is made for pictures of a resolution, the largest first.
PRESET_OF_SIZE = {64: "emoji", 32: "quickstart"}


class Trial(Table):
    """How a preset was run: the `[tried]` table of its file, which is about the file and not part of the recipe."""

    hardware: str
    time: str  # from the command to the exported generator
    seeds: Count  # that the scores are means over
    scores: dict[str, float]  # as docs/<model>.md states them

    def __str__(self) -> str:
        scores = ", ".join(f"{name} {value:g}" for name, value in self.scores.items())
        return f"run on {self.hardware}, {self.time}; {scores} ({self.seeds} seed{'s' * (self.seeds > 1)})"


def model_names() -> list[str]:
    """The names of all models, sorted: one per file in tfgan_zoo/models."""
    return sorted(m.name for m in pkgutil.iter_modules([str(PACKAGE / "models")]))


def model_module(name: str) -> types.ModuleType:
    """Imports the module of a model.

    Raises:
        ZooError: no such model; suggests the nearest.
    """
    if name not in model_names():
        raise no_such("model", name, model_names())
    return importlib.import_module(f"tfgan_zoo.models.{name}")


def preset_files(model: str) -> dict[str, Path]:
    """{preset: its TOML file} of a model."""
    return {p.stem: p for p in sorted((recipes_folder() / model).glob("*.toml"))}


def preset_file(model: str, preset: str) -> Path:
    """The TOML file of a preset.

    Raises:
        ZooError: no such model or preset; suggests the nearest.
    """
    if model not in model_names():
        raise no_such("model", model, model_names())
    files = preset_files(model)
    if preset not in files:
        raise no_such(f"preset of {model}", preset, files)
    return files[preset]


def preset_for_size(model: str, resolution: int) -> tuple[str, int]:
    """(the model's preset for pictures of one's own, its resolution): of `resolution` if there is one, else of the next smaller.

    Raises:
        ZooError: there is no such model, or it has no such preset.
    """
    if model not in model_names():
        raise no_such("model", model, model_names())
    there = preset_files(model)
    for size, preset in PRESET_OF_SIZE.items():
        if size <= resolution and preset in there:
            return preset, size
    presets = " or ".join(PRESET_OF_SIZE.values())
    raise ZooError(f"{model} has no preset {presets}; give --preset, or a recipe by --config.")


def preset_table(model: str, preset: str) -> dict[str, Any]:
    """The nested plain values of a preset, as `recipe.parse` takes them once "model" is added.

    Raises:
        ZooError: no such model or preset; suggests the nearest.
    """
    return recipe_table(preset_file(model, preset))


def recipe_table(path: str | Path) -> dict[str, Any]:
    """The nested plain values of a recipe's file, TOML or a run's recipe.json, without `tried`.

    Raises:
        ZooError: no such file, or it is not a recipe's.
    """
    return {key: value for key, value in recipe.read_table(path).items() if key != "tried"}


def tried(path: str | Path) -> Trial | str:
    """On what a recipe's file has been run: a `Trial`, "not run", or "not stated" if the file does not say.

    Raises:
        ZooError: the file's `tried` is neither "not run" nor a table of a `Trial`.
    """
    stated = recipe.read_table(path).get("tried", "not stated")
    if stated in ("not run", "not stated"):
        return stated
    if not isinstance(stated, dict):
        raise ZooError(f'{path}: tried = {stated!r}: expected "not run" or a table of {", ".join(Trial.model_fields)}.')
    for key in stated.keys() - Trial.model_fields.keys():
        raise ZooError(f"{path}: tried.{key}: {no_such('key', key, Trial.model_fields)}")
    try:
        return Trial.model_validate(stated)
    except pydantic.ValidationError as error:
        lines = [recipe.explain({**problem, "loc": ("tried", *problem["loc"])}) for problem in error.errors()]
        raise ZooError(f"{path}: " + "\n".join(lines)) from None


def listing() -> list[tuple[str, str, str]]:
    """(model, preset, summary) of every preset, without importing a model."""
    return [
        (model, preset, recipe.read_table(path).get("summary", ""))
        for model in model_names()
        for preset, path in preset_files(model).items()
    ]


def checked_arguments(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """`arguments` checked against the annotations of the model's `build`, with the defaults of those left out.

    Raises:
        ZooError: `build` does not take an argument (suggests the nearest), or its type is wrong.
    """
    build = model_module(name).build
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, parameter.default)
        for parameter in inspect.signature(build).parameters.values()
        if parameter.name not in GIVEN
    }
    for key in arguments:
        if key not in fields:
            raise ZooError(f"arguments.{key}: {no_such(f'argument of {name}', key, fields)}")
    try:
        schema = pydantic.create_model("arguments", **fields)
        return schema.model_validate(arguments).model_dump()
    except pydantic.ValidationError as error:
        raise ZooError(
            "\n".join(recipe.explain({**e, "loc": ("arguments", *e["loc"])}) for e in error.errors())
        ) from None


def completed(a_recipe: recipe.Recipe) -> recipe.Recipe:
    """The recipe with all arguments of its model: those that it leaves out, or that are newer than it, at their defaults.

    Raises:
        ZooError: as `checked_arguments`.
    """
    return a_recipe.model_copy(update={"arguments": checked_arguments(a_recipe.model, a_recipe.arguments)})
