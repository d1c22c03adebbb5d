"""emoji: 3,391 colour pictures of 64 x 64 in nine categories, shipped with the package, so that a colour quickstart needs no download.

The pictures are Microsoft's Fluent Emoji in 3D (MIT licence) on white; the categories are Unicode's, as emoji-datasource
lists them. `make_emoji` made the files from these. An emoji with skin tones is there in each, and all of them are in one split.

`emoji:CATEGORY` is one category, `emoji:without-CATEGORY` all others, such as emoji:flags and emoji:without-flags. The order is
fixed and mixed, so any prefix is a random subset: `data.split=train[:300]` holds the first 300 of the split "train".
"""

import functools
import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.resizing import all_to_shape, target_size

PICTURES = Path(__file__).with_name("emoji.png")  # tiles in rows, in the order of the names
NAMES = Path(__file__).with_name("emoji.json")
SIDE, COLUMNS = 64, 58
SPLIT = re.compile(r"(\w+)(?:\[:(\d+)\])?")


@functools.cache
def names() -> dict:
    """What emoji.json holds: "categories" (nine names), "test" (how many of the last ones are the split "test"), and by
    picture "names" and "labels"."""
    return json.loads(NAMES.read_text(encoding="utf-8"))


def slug(category: str) -> str:
    """A category's name as in a source.

    Examples:
        >>> slug("People & Body")
        'people-body'
    """
    return "-".join(re.findall(r"\w+", category.lower()))


def load(argument: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(uint8 images [N, 64, 64, 3] or as the settings say, int32 labels [N], names of the categories).

    `settings.split`: "all" (N = 3,391), "train" (the first 3,053) or "test" (the last 338, of other emoji); NAME[:K] is the
    first K of it. With a category as `argument` there is one class, without one there are eight.

    Raises:
        ZooError: no such category or split, or it holds fewer than K pictures.
    """
    listed = names()
    labels, categories = np.array(listed["labels"], np.int32), listed["categories"]
    chosen = _split(settings.split, len(labels), listed["test"])
    if argument:
        category, without = argument.removeprefix("without-"), argument.startswith("without-")
        slugs = [slug(name) for name in categories]
        if category not in slugs:
            raise no_such("category of emoji", category, slugs)
        chosen = chosen[(labels[chosen] == slugs.index(category)) != without]
    chosen = _first(chosen, settings.split, f"emoji:{argument}" if argument else "emoji")
    kept = np.unique(labels[chosen])
    try:
        images = all_to_shape(
            _pictures()[chosen], *target_size(settings), settings.channels, settings.fit, settings.background
        )
    except ZooError as error:
        raise ZooError(f"an image of emoji {error}") from None
    return images, np.searchsorted(kept, labels[chosen]).astype(np.int32), tuple(categories[k] for k in kept)


def _split(split, total, test):
    """The indices of a split, of which `_first` takes the first ones."""
    parts = {"all": slice(None), "train": slice(0, total - test), "test": slice(total - test, total)}
    match = SPLIT.fullmatch(split)
    if not match or match[1] not in parts:
        raise no_such("split of emoji", split, [*parts, "train[:300]"])
    return np.arange(total)[parts[match[1]]]


def _first(chosen, split, source):
    match = SPLIT.fullmatch(split)
    count = int(match[2]) if match[2] else len(chosen)
    if not 0 < count <= len(chosen):
        raise ZooError(
            f"data.split={split}: {source} has {len(chosen)} pictures in {match[1]}; ask for 1 to {len(chosen)}."
        )
    return chosen[:count]


def _pictures():
    """uint8 [3391, 64, 64, 3]."""
    with Image.open(PICTURES) as sheet:
        pixels = np.asarray(sheet)
    rows = len(pixels) // SIDE
    tiles = pixels.reshape(rows, SIDE, COLUMNS, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
    return tiles[: len(names()["labels"])]
