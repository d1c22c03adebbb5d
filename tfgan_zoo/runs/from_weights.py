"""Writes recognised weights of another library as a run's folder, which sample, evaluate and export open like any other."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from tfgan_zoo import __version__
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.runs import building
from tfgan_zoo.runs.run_folder import Run, write_json
from tfgan_zoo.runs.scoring_network import with_network
from tfgan_zoo.training.native_precision import precision
from tfgan_zoo.weight_files.transfer import RecognizedWeights

STEP = 0  # the checkpoint's: nothing was trained here
PUBLISHED = ("tfds:", "folder:")  # sources that do not come with the package, as of the papers' presets
FALLBACK = "cifar10"  # the preset for resolutions that no preset has


def recipe_of(weights: RecognizedWeights, origin: str) -> recipe.Recipe:
    """The recipe of an imported run: the model's preset for such images, with the widths found in the file.

    Args:
        weights: what was recognised in the file.
        origin: the file's name and layout, for the summary and for messages.
    """
    height, width, channels = weights.image_shape
    preset = preset_of(weights.model, height)
    table = catalog.preset_table(weights.model, preset)
    table["summary"] = f"Imported from {origin}; apart from the widths, the recipe is that of the preset {preset}"
    table["arguments"] = {**table.get("arguments", {}), **weights.arguments}
    resolution = height if height == width else [height, width]
    table["averaging"] = {
        **table.get("averaging", {}),
        "standing_batches": 0,
    }  # the file has batch statistics of its own
    table["data"] = {**table.get("data", {}), "resolution": resolution, "channels": channels}
    return recipe.parse({"model": weights.model, **table}, f"the recipe of {origin}")


def preset_of(model: str, resolution: int) -> str:
    """The first preset of a model, by name, for published data at a resolution; of any data if there is none; else cifar10."""
    tables = {preset: catalog.preset_table(model, preset)["data"] for preset in catalog.preset_files(model)}
    matches = [name for name, data in tables.items() if data.get("resolution") == resolution]
    published = [name for name in matches if tables[name]["source"].startswith(PUBLISHED)]
    return [*published, *matches, FALLBACK][0]


def sha256_of(path: str | Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_run(
    folder: str | Path,
    weights: RecognizedWeights,
    layout: str,
    generator_file: str | Path,
    discriminator_file: str | Path | None = None,
) -> Run:
    """Writes a run's folder atomically: it appears complete or not at all.

    Args:
        folder: where; must not exist yet.
        weights: what was recognised in the files.
        layout: the layout's name, recorded in imported.json.
        generator_file: the file that the generator came from, recorded by name and SHA-256.
        discriminator_file: likewise; None if there is none.

    Raises:
        ZooError: the folder exists, or the tensors do not fit the networks.
    """
    folder = Path(folder)
    refuse_existing(folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        files = {"generator": generator_file, "discriminator": discriminator_file}
        record = {
            "layout": layout,
            "files": {
                player: {"name": Path(path).name, "sha256": sha256_of(path)} for player, path in files.items() if path
            },
            "notes": list(weights.notes),
            "tfgan_zoo": __version__,
        }
        a_recipe = recipe_of(weights, f"{Path(generator_file).name} ({layout})")
        dataset = dataset_of(weights, a_recipe)
        a_recipe = with_network(a_recipe, dataset["image_shape"], dataset["class_names"])
        write_json(temporary / "recipe.json", a_recipe.as_dict())
        write_json(temporary / "dataset.json", dataset)
        write_json(temporary / "imported.json", record)
        fill(Run(temporary), weights)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Run(folder)


def refuse_existing(folder: Path) -> None:
    """Raises `ZooError` if anything exists at the path."""
    if os.path.lexists(folder):
        raise ZooError(f"{folder} exists already; choose another --to.")


def dataset_of(weights: RecognizedWeights, a_recipe: recipe.Recipe) -> dict[str, Any]:
    """dataset.json of an imported run: the shape and classes of the training images are known, the images are not."""
    return {
        "source": a_recipe.data.source,
        "size": None,
        "image_shape": list(weights.image_shape),
        "num_classes": weights.num_classes,
        "class_names": [str(i) for i in range(weights.num_classes)],
        "sha256": None,
        "tfgan_zoo": __version__,
    }


def build(a_recipe: recipe.Recipe, weights: RecognizedWeights) -> Game:
    """The recipe's game for images and classes as the weights have them, in float32."""
    with precision("float32"):
        return building.game_builder(a_recipe, weights.image_shape, weights.num_classes)()


def fill(run: Run, weights: RecognizedWeights) -> None:
    """Loads the weights into the run's networks and saves its one checkpoint, without a discriminator if there is none."""
    game = build(run.recipe, weights)
    weights.fill_generator(game.generator)
    groups = {"average": game.generator}
    if weights.fill_discriminator:
        weights.fill_discriminator(game.discriminator)
        groups["discriminator"] = game.discriminator
    variables = {f"{group}/{v.path}": v for group, network in groups.items() for v in network.variables}
    run.checkpoints(variables).save(STEP)
