"""A sheet of what training sees of a data set: pictures in the shape that they are brought to, padding included."""

from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.survey import READING, Choice, data_choices, spread, survey, usual_resolution

SHOWN, COLUMNS = 64, 8


def choices_for(source: str, given: dict[str, Any]) -> list[Choice]:
    """The data settings that `train --data` would choose; those in `given` are as given.

    Raises:
        ZooError: as `survey`.
    """
    found = survey(source, **{key: given[key] for key in READING if key in given})
    resolution = given.get("resolution") or usual_resolution(found)
    chosen = {choice.key: choice for choice in data_choices(found, resolution)}
    chosen |= {f"data.{key}": Choice(f"data.{key}", value, "as given") for key, value in given.items()}
    return list(chosen.values())


def write_sheet(choices: list[Choice], path: str | Path) -> int:
    """Writes up to 64 pictures, evenly spread over the source, as one PNG. Returns how many pictures the source has.

    Raises:
        ZooError: the source can't be read, or `path` does not end in .png.
    """
    if Path(path).suffix.lower() != ".png":
        raise ZooError(f"{path}: expected a name that ends in .png.")
    source = load_source(DataSettings(**{choice.key.removeprefix("data."): choice.value for choice in choices}))
    shown = np.asarray(source.images[spread(source.size, SHOWN)])
    pictures.save_png(pictures.picture(shown, COLUMNS), path)
    return source.size
