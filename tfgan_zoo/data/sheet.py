"""A sheet of what training sees of a data set: pictures in the shape that they are brought to, padding and augmentation included."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.core import catalog
from tfgan_zoo.core.draws import Draws, seed_of
from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe import Augmentation, transformations
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.survey import READING, Choice, data_choices, spread, survey, usual_resolution

SHOWN, COLUMNS = 64, 8


def choices_for(source: str, given: dict[str, Any], model: str | None = None) -> list[Choice]:
    """The data settings that `train --data` would choose; those in `given` are as given.

    Args:
        source: as in a recipe.
        given: data settings.
        model: whose recipe says the resolution; None for a model that has one for every size.

    Raises:
        ZooError: as `survey` and `catalog.preset_for_size`.
    """
    found = survey(source, **{key: given[key] for key in READING if key in given})
    usual = catalog.preset_for_size(model, usual_resolution(found))[1] if model else usual_resolution(found)
    resolution = given.get("resolution") or usual
    chosen = {choice.key: choice for choice in data_choices(found, resolution)}
    chosen |= {f"data.{key}": Choice(f"data.{key}", value, "as given") for key, value in given.items()}
    return list(chosen.values())


def write_sheet(
    choices: list[Choice], path: str | Path, augmentation: Sequence[str] = (), probability: float = 1.0
) -> int:
    """Writes up to 64 pictures, evenly spread over the source, as one PNG. Returns how many pictures the source has.

    Args:
        choices: of data settings.
        path: of the PNG.
        augmentation: names as in a recipe; each picture is augmented once.
        probability: of each transformation.

    Raises:
        ZooError: the source can't be read, `path` does not end in .png, or there is no such augmentation, or one is named twice.
    """
    if unknown := set(augmentation) - set(get_args(Augmentation)):
        raise no_such("augmentation", min(unknown), get_args(Augmentation))
    try:
        transforms = transformations(augmentation)
    except ValueError as error:
        raise ZooError(f"{error}.") from None
    if Path(path).suffix.lower() != ".png":
        raise ZooError(f"{path}: expected a name that ends in .png.")
    source = load_source(DataSettings(**{choice.key.removeprefix("data."): choice.value for choice in choices}))
    shown = np.asarray(source.images[spread(source.size, SHOWN)])
    if transforms:
        shown = pictures.to_uint8(augmented(shown, transforms, probability))
    pictures.save_png(pictures.picture(shown, COLUMNS), path)
    return source.size


def augmented(images: np.ndarray, transforms: Sequence[str], probability: float) -> np.ndarray:
    """uint8 images [N, H, W, C] as float32 in [-1, 1], as a discriminator sees them: beyond it where colours are moved."""
    import tensorflow as tf

    from tfgan_zoo.data.pipeline import as_floats
    from tfgan_zoo.observation import augmentation

    augment = augmentation.Augmentation(transforms)
    augment.probability = probability
    batch = {"images": as_floats(tf.constant(images))}
    return augment(batch, Draws(seed_of(0), len(images)), "real")["images"].numpy()
