"""pyramid:DIR: images at every power of two in a range, as `python -m tfgan_zoo.data prepare` writes them.

    DIR/plan.json              what was asked for: source, resolutions, channels, fit; written first
    DIR/0008/00003.tfrecord    the images of shard 3 at 8 x 8; records.py says how
    DIR/0512/00003.index.npy   where the records of a shard of PNGs begin
    DIR/parts/00003.json       counts, labels and checksums of shard 3: what has it is written at every level
    DIR/labels.npy             int32 [N], where there are labels
    DIR/about.json             the plan, and counts, checksums and fingerprints; written last: what has it is complete

An image is at the same number at each level, and is read at `data.resolution` alone (the largest where that is left out):
8 x 8 pixels cost 192 bytes of reading, whatever size the originals had. Batches are drawn by number, so training on a
pyramid is as reproducible as on arrays.
"""

import json
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.data import records
from tfgan_zoo.data.lazy import LazyImages
from tfgan_zoo.data.resizing import wanted_size

LAYOUT = 1
WHAT_THEN = "the same `python -m tfgan_zoo.data prepare` once more writes it anew."


def load(argument, settings):
    """(images of one level, as `LevelImages`, int32 labels [N] or None, class names).

    Raises:
        ZooError: DIR holds no complete pyramid, or a file of the level is missing or of another size; no such level;
            other channels than the pyramid has.
    """
    if not argument:
        raise ZooError("the data source 'pyramid' needs a directory: pyramid:DIR.")
    if settings.split != "all":
        raise no_such("split of a pyramid", settings.split, ["all"])
    folder = Path(argument).expanduser()
    about = read_about(folder)
    height, width = wanted_size(settings)
    if height != width:
        raise ZooError(f"data.resolution={height}x{width} came, and the images of {folder} are square.")
    if settings.channels not in (None, about["channels"]):
        raise ZooError(
            f"the images of {folder} have {about['channels']} channels, and data.channels={settings.channels} came; "
            "leave it out, or prepare them with it."
        )
    images = LevelImages(folder, about, height or max(about["resolutions"]))
    return images, read_labels(folder, about), tuple(about["class_names"])


def read_about(folder):
    """What about.json says. ZooError where it isn't there, or no such file."""
    if not (folder / "plan.json").is_file():
        raise ZooError(
            f"{folder} holds no pyramid; `python -m tfgan_zoo.data prepare SOURCE --to {folder}` writes one."
        )
    if not (folder / "about.json").is_file():
        raise ZooError(
            f"the pyramid in {folder} isn't complete; the same `prepare` once more goes on where it stopped."
        )
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ZooError(f"{folder / 'about.json'} is damaged ({error}); prepare the pyramid anew.") from None
    if about["layout"] != LAYOUT:
        raise ZooError(f"{folder} has layout {about['layout']}, and {LAYOUT} is read here; prepare it anew.")
    return about


def read_labels(folder, about):
    """int32 [N], or None where there are no classes."""
    if not about["class_names"]:
        return None
    try:
        return np.load(folder / "labels.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ZooError(f"the labels of {folder} can't be read ({error}); prepare the pyramid anew.") from None


class LevelImages(LazyImages):
    """One level: uint8 [N, resolution, resolution, channels], read from its shards.

    Args:
        folder: of the pyramid; about: from `read_about`; resolution: of the level.
        checked: whether the sizes of its files are compared with those that were written.

    Raises:
        ZooError: no such level; one of its files is missing or of another size than it was written with.
    """

    def __init__(self, folder, about, resolution, checked=True):
        if resolution not in about["resolutions"]:
            there = ", ".join(map(str, about["resolutions"]))
            raise ZooError(
                f"{folder} has no level of {resolution}x{resolution}; set data.resolution to one of {there}."
            )
        super().__init__((about["images"], resolution, resolution, about["channels"]))
        self.folder, self.about, self.png = folder, about, resolution in about["png"]
        self.fingerprint = about["fingerprints"][str(resolution)]
        self.starts = np.cumsum([0, *about["counts"]])  # the number of each shard's first image
        self.opened = {}
        for name, (size, _) in about["files"].items():
            if checked and name.startswith(f"{resolution:04}/"):
                check_size(folder / name, size)

    def shard(self, number):
        """The reader of a shard, opened when it is first asked for."""
        if number not in self.opened:
            path = records.shard_path(self.folder, self.shape[1], number)
            kind = records.PngShard if self.png else records.RawShard
            try:
                self.opened[number] = kind(path, self.shape[1:])
            except (OSError, ValueError) as error:
                raise ZooError(f"{path} is damaged ({error}); delete it, and {WHAT_THEN}") from None
        return self.opened[number]

    def take(self, numbers):
        shards = np.searchsorted(self.starts, numbers, side="right") - 1
        places = numbers - self.starts[shards]
        result = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        if self.png:
            with records.threads() as pool:
                for row, image in enumerate(pool.map(lambda s, p: self.shard(s).image(p), shards, places)):
                    result[row] = image
            return result
        for shard in np.unique(shards):
            here = shards == shard
            result[here] = self.shard(shard).take(places[here])
        return result

    def at(self, resolution):
        return LevelImages(self.folder, self.about, resolution)


def check_size(path, size):
    """ZooError where a file isn't as large as it was written."""
    try:
        there = path.stat().st_size
    except OSError:
        raise ZooError(f"{path} is missing; {WHAT_THEN}") from None
    if there != size:
        raise ZooError(f"{path} has {there} bytes, and {size} were written; {WHAT_THEN}")
