"""From recognised weights to the folder of a run, which sample, evaluate and export take like any other."""

import hashlib
import os
import shutil
from pathlib import Path

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.runs import building
from tfgan_zoo.runs.run_folder import Run, write_json
from tfgan_zoo.training.strategies import precision

STEP = 0  # of the checkpoint: none was taken here
FALLBACK = "cifar10"  # the preset at resolutions that no preset has


def recipe_of(found, origin):
    """The `Recipe` of an imported run: the model's preset of such images, with the file's own widths."""
    height, width, channels = found.image_shape
    preset = preset_of(found.model, height)
    table = catalog.preset_table(found.model, preset)
    table["summary"] = f"Imported from {origin}; beside the widths, the recipe is that of the preset {preset}"
    table["arguments"] = {**table.get("arguments", {}), **found.arguments}
    resolution = height if height == width else [height, width]
    table["averaging"] = {**table.get("averaging", {}), "standing_batches": 0}  # the file's own statistics are kept
    table["data"] = {**table.get("data", {}), "resolution": resolution, "channels": channels}
    return recipe.parse({"model": found.model, **table}, f"the recipe of {origin}")


def preset_of(model, resolution):
    """The first preset of a model at a resolution, in the order of their names; cifar10 where there is none."""
    tables = {preset: catalog.preset_table(model, preset) for preset in catalog.preset_files(model)}
    fitting = (name for name, table in tables.items() if table.get("data", {}).get("resolution") == resolution)
    return next(fitting, FALLBACK)


def sha256_of(path):
    """The hexadecimal digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_run(folder, found, layout, generator_file, discriminator_file=None):
    """Writes the folder of a run, whole or not at all. Returns the `Run`.

    Args:
        folder: where; must not be there yet.
        found: a `Found`.
        layout: its name, for the record.
        generator_file, discriminator_file: where the weights came from, for the record.

    Raises:
        ZooError: the folder is there, or the tensors do not fit the networks.
    """
    folder = Path(folder)
    refuse_existing(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        beside.mkdir(parents=True)
        files = {"generator": generator_file, "discriminator": discriminator_file}
        record = {
            "layout": layout,
            "files": {who: {"name": Path(path).name, "sha256": sha256_of(path)} for who, path in files.items() if path},
            "notes": list(found.notes),
            "tfgan_zoo": __version__,
        }
        a_recipe = recipe_of(found, f"{Path(generator_file).name} ({layout})")
        write_json(beside / "recipe.json", a_recipe.as_dict())
        write_json(beside / "dataset.json", dataset_of(found, a_recipe))
        write_json(beside / "imported.json", record)
        fill(Run(beside), found)
        os.rename(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return Run(folder)


def refuse_existing(folder):
    """Raises `ZooError` where something is at the path already."""
    if os.path.lexists(folder):
        raise ZooError(f"{folder} is there already; choose another --to.")


def dataset_of(found, a_recipe):
    """What is known of the images that the weights were trained on: their shape, and nothing of themselves."""
    return {
        "source": a_recipe.data.source,
        "size": None,
        "image_shape": list(found.image_shape),
        "num_classes": found.num_classes,
        "class_names": [str(i) for i in range(found.num_classes)],
        "sha256": None,
        "tfgan_zoo": __version__,
    }


def build(a_recipe, found):
    """The `Game` of the recipe for such images, in float32."""
    with precision("float32"):
        return building.game_builder(a_recipe, found.image_shape, found.num_classes)()


def fill(run, found):
    """Fills the run's game and writes its one checkpoint. Without a discriminator that has none of it."""
    game = build(run.recipe, found)
    found.fill_generator(game.generator)
    groups = {"average": game.generator}
    if found.fill_discriminator:
        found.fill_discriminator(game.discriminator)
        groups["discriminator"] = game.discriminator
    variables = {f"{group}/{v.path}": v for group, network in groups.items() for v in network.variables}
    run.checkpoints(variables).save(STEP)
