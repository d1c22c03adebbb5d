"""pyramid:DIR: images at every power of two in a range, as `python -m tfgan_zoo.data prepare` writes them.

    DIR/plan.json              the request: source, resolutions, channels, fit; written first
    DIR/0008/00003.tfrecord    the images of shard 3 at 8 x 8; see records.py
    DIR/0512/00003.index.npy   where the records of a shard of PNGs begin
    DIR/parts/00003.json       counts, labels and checksums of shard 3; written when the shard is complete at every level
    DIR/labels.npy             int32 [N], if there are labels
    DIR/about.json             the plan, and counts, checksums and fingerprints; written when the pyramid is complete

An image has the same index at each level, and only the level `data.resolution` is read (by default the largest): an RGB
image of 8 x 8 costs 192 bytes of reading, whatever the size of the original. Batches are drawn by index, so training on a
pyramid is as reproducible as on arrays.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data import records
from tfgan_zoo.data.lazy import LazyImages
from tfgan_zoo.data.resizing import target_size

LAYOUT = 1
REMEDY = "run the same `python -m tfgan_zoo.data prepare` again to rewrite it."


def load(argument: str, settings: DataSettings) -> tuple[LazyImages, np.ndarray | None, tuple[str, ...]]:
    """(images of one level, as `LevelImages`, int32 labels [N] or None, class names).

    Raises:
        ZooError: DIR holds no complete pyramid, or a file of the level is missing or has another size; there is no such
            level; the pyramid has other channels.
    """
    if not argument:
        raise ZooError("the data source 'pyramid' needs a directory: pyramid:DIR.")
    if settings.split != "all":
        raise no_such("split of a pyramid", settings.split, ["all"])
    folder = Path(argument).expanduser()
    about = read_about(folder)
    height, width = target_size(settings)
    if height != width:
        raise ZooError(f"data.resolution={height}x{width}: the images of {folder} are square; give one number.")
    if settings.channels not in (None, about["channels"]):
        raise ZooError(
            f"data.channels={settings.channels}: the images of {folder} have {about['channels']} channels; "
            "leave it out, or prepare the pyramid with it."
        )
    images = LevelImages(folder, about, height or max(about["resolutions"]))
    return images, read_labels(folder, about), tuple(about["class_names"])


def read_about(folder: Path) -> dict[str, Any]:
    """The contents of about.json. Raises `ZooError` if the pyramid is missing, incomplete, damaged or of another layout."""
    if not (folder / "plan.json").is_file():
        raise ZooError(
            f"{folder} holds no pyramid; `python -m tfgan_zoo.data prepare SOURCE --to {folder}` writes one."
        )
    if not (folder / "about.json").is_file():
        raise ZooError(
            f"the pyramid in {folder} is incomplete; run the same `prepare` again to resume where it stopped."
        )
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ZooError(f"{folder / 'about.json'} is damaged ({error}); prepare the pyramid again.") from None
    if about["layout"] != LAYOUT:
        raise ZooError(f"{folder} has layout {about['layout']}; expected {LAYOUT}. Prepare it again.")
    return about


def read_labels(folder: Path, about: dict[str, Any]) -> np.ndarray | None:
    """int32 [N], or None if there are no classes."""
    if not about["class_names"]:
        return None
    try:
        return np.load(folder / "labels.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ZooError(f"the labels of {folder} can't be read ({error}); prepare the pyramid again.") from None


class LevelImages(LazyImages):
    """One level: uint8 [N, resolution, resolution, channels], read from its shards.

    Args:
        folder: of the pyramid.
        about: from `read_about`.
        resolution: of the level.
        checked: whether to compare the sizes of its files with the recorded ones.

    Raises:
        ZooError: there is no such level; one of its files is missing or has another size than when written.
    """

    def __init__(self, folder: Path, about: dict[str, Any], resolution: int, checked: bool = True) -> None:
        if resolution not in about["resolutions"]:
            available = ", ".join(map(str, about["resolutions"]))
            raise ZooError(
                f"{folder} has no level of {resolution}x{resolution}; set data.resolution to one of {available}."
            )
        super().__init__((about["images"], resolution, resolution, about["channels"]))
        self.folder, self.about, self.png = folder, about, resolution in about["png"]
        self.fingerprint = about["fingerprints"][str(resolution)]
        self.starts = np.cumsum([0, *about["counts"]])  # the index of each shard's first image
        self.opened: dict[int, Any] = {}
        for name, (size, _) in about["files"].items():
            if checked and name.startswith(f"{resolution:04}/"):
                check_size(folder / name, size)

    def shard(self, number: int) -> Any:
        """The `RawShard` or `PngShard` of a shard, opened on first use."""
        if number not in self.opened:
            path = records.shard_path(self.folder, self.shape[1], number)
            kind = records.PngShard if self.png else records.RawShard
            try:
                self.opened[number] = kind(path, self.shape[1:])
            except (OSError, ValueError) as error:
                raise ZooError(f"{path} is damaged ({error}); delete it, and {REMEDY}") from None
        return self.opened[number]

    def take(self, numbers: np.ndarray) -> np.ndarray:
        shards = np.searchsorted(self.starts, numbers, side="right") - 1
        positions = numbers - self.starts[shards]
        result = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        if self.png:
            with records.threads() as pool:
                for row, image in enumerate(pool.map(lambda s, p: self.shard(s).image(p), shards, positions)):
                    result[row] = image
            return result
        for shard in np.unique(shards):
            here = shards == shard
            result[here] = self.shard(shard).take(positions[here])
        return result

    def at(self, resolution: int) -> "LevelImages":
        return LevelImages(self.folder, self.about, resolution)


def check_size(path: Path, size: int) -> None:
    """Raises `ZooError` if a file's size is not the recorded one."""
    try:
        actual = path.stat().st_size
    except OSError:
        raise ZooError(f"{path} is missing; {REMEDY}") from None
    if actual != size:
        raise ZooError(f"{path} has {actual} bytes, but {size} were written; {REMEDY}")
