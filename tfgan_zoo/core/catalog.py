"""Models and presets by name, and the arguments that a model takes."""

import importlib
import inspect
import pkgutil
import tomllib

import pydantic

from tfgan_zoo.core import recipe
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.locations import PACKAGE, recipes_folder

# What the data says; the rest of build's arguments is the recipe's.
GIVEN = ("image_shape", "num_classes", "measurement")


def model_names():
    """Every file in tfgan_zoo/models is a model."""
    return sorted(m.name for m in pkgutil.iter_modules([str(PACKAGE / "models")]))


def model_module(name):
    """The module of a model.

    Raises:
        ZooError: no such model; names the nearest.
    """
    if name not in model_names():
        raise no_such("model", name, model_names())
    return importlib.import_module(f"tfgan_zoo.models.{name}")


def preset_files(model):
    """{preset: path} of a model."""
    return {p.stem: p for p in sorted((recipes_folder() / model).glob("*.toml"))}


def preset_table(model, preset):
    """The nested plain values of a preset.

    Raises:
        ZooError: no such model or preset; names the nearest.
    """
    if model not in model_names():
        raise no_such("model", model, model_names())
    files = preset_files(model)
    if preset not in files:
        raise no_such(f"preset of {model}", preset, files)
    return recipe.read_toml(files[preset])


def listing():
    """(model, preset, summary) of everything in the zoo, without importing a model."""
    return [
        (model, preset, tomllib.loads(path.read_text(encoding="utf-8")).get("summary", ""))
        for model in model_names()
        for preset, path in preset_files(model).items()
    ]


def checked_arguments(name, arguments):
    """`arguments` checked against the annotations of the model's `build`.

    Raises:
        ZooError: an argument that build does not take (names the nearest), or of a wrong kind.
    """
    build = model_module(name).build
    fields = {
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


def completed(a_recipe):
    """The recipe with every argument of its model, at its default where the recipe leaves it out or is older than it.

    Raises:
        ZooError: as `checked_arguments`.
    """
    return a_recipe.model_copy(update={"arguments": checked_arguments(a_recipe.model, a_recipe.arguments)})
