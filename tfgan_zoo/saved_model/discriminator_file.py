"""The discriminator beside an exported generator, for those who train on: an .npz by variable name that NumPy reads.

It lies in `assets.extra`, where TensorFlow Serving and `tf.saved_model.load` look for nothing but warm-up requests, so an export
with it is served and loaded like one without.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError

NAME = "assets.extra/discriminator.npz"


def path_in(folder: Path) -> Path:
    """Where the file is in a version folder, if there is one."""
    return folder / NAME


def write(folder: Path, variables: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Writes {path of a variable: array} into a version folder. Returns what the model card says of it, as plain values."""
    arrays: dict[str, Any] = dict(variables)
    path_in(folder).parent.mkdir(exist_ok=True)
    with open(path_in(folder), "wb") as file:
        np.savez(file, **arrays)
    return {
        "file": NAME,
        "variables": len(variables),
        "numbers": sum(int(array.size) for array in variables.values()),
        "bytes": path_in(folder).stat().st_size,
    }


def read(folder: Path) -> dict[str, np.ndarray]:
    """{path of a variable: array} of a version folder's discriminator, {} if it has none.

    Raises:
        ZooError: the file is damaged.
    """
    if not path_in(folder).exists():
        return {}
    try:
        with np.load(path_in(folder), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # whatever zipfile, zlib and NumPy raise on damaged archives
        raise ZooError(f"{path_in(folder)}: damaged ({error}); fetch or export the folder again.") from None


def sentence(about: Mapping[str, Any]) -> str:
    """What the README of a version folder says of the file, from its card's `about`."""
    size = about["bytes"] / 1e6
    return (
        f"The discriminator is in `{about['file']}`: {about['numbers']:,} numbers, {size:.2g} MB. "
        "`python -m tfgan_zoo.train --init_from=` this folder starts from both players."
    )
