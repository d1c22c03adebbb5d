"""What a data set is like, from a look at some of its pictures, and the data settings that suit it. Imports no TensorFlow for files."""

import dataclasses
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.core.waiting import with_progress
from tfgan_zoo.data.file_trees import file_tree
from tfgan_zoo.data.folder import find_files, nothing_held_out, read_image
from tfgan_zoo.data.resizing import to_shape
from tfgan_zoo.data.sources import LOADERS, load_source
from tfgan_zoo.data.splits import of_split

LOOKED_AT = 100  # pictures
# Data settings that decide on what is there to look at.
READING = ("split", "bad_files", "white_level", "label_feature", "data_dir", "download", "cache_dir", "memory_limit_mb")
LIGHT = 128  # the median level of the borders from which the background is white


@dataclasses.dataclass(frozen=True)
class Survey:
    """What was found in a data set.

    Attributes:
        source: as in a recipe, such as "folder:pictures".
        size: the number of pictures, bad files included.
        class_names: one per class, () without labels.
        shapes: (height, width) of the pictures that were looked at.
        channels: 1 if all of these are gray, though stored as RGB or with transparency perhaps; 4 if some are transparent; else 3.
        light: whether most of their borders are light, or transparent.
        splits: whether the source has the splits "train" and "test" of a tenth.
        split: the one that was looked at.
    """

    source: str
    size: int
    class_names: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    channels: int
    light: bool
    splits: bool
    split: str = "all"

    def __str__(self) -> str:
        """In one sentence, without its end.

        Examples:
            >>> str(Survey("folder:cats", 1200, (), ((64, 64), (64, 96)), 3, False, True))
            'folder:cats: 1,200 pictures in colour, 64x64 to 64x96 (height x width), without classes'
        """
        colours = {1: "gray", 3: "in colour", 4: "in colour, with transparency"}[self.channels]
        small, large = (pick(self.shapes, key=lambda shape: shape[0] * shape[1]) for pick in (min, max))
        sizes = " to ".join(dict.fromkeys(f"{height}x{width}" for height, width in (small, large)))
        count = len(self.class_names)
        classes = (
            "without classes" if not count else f"{count} classes" if count > 1 else f"one class, {self.class_names[0]}"
        )
        return f"{self.source}: {self.size:,} picture{'s' * (self.size > 1)} {colours}, {sizes} (height x width), {classes}"


def source_of(name: str) -> str:
    """What `data.source` calls a data set that a user names: a folder, a .zip or .npz file, a pyramid, or a source itself.

    Raises:
        ZooError: there is no such thing.

    Examples:
        >>> source_of("emoji:flags"), source_of("tfds:cifar10")
        ('emoji:flags', 'tfds:cifar10')
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return f"{'pyramid' if (path / 'plan.json').is_file() else 'folder'}:{name}"
    if path.is_file():
        return f"{'arrays' if path.suffix.lower() == '.npz' else 'folder'}:{name}"
    kind = name.partition(":")[0]
    if kind in LOADERS:
        return name
    if ":" in name and "/" not in kind:
        raise no_such("data source", kind, LOADERS)
    raise ZooError(
        f"there is no {name}; expected a folder of pictures, a .zip file of them, an .npz file, or a source such as tfds:cifar10"
        " or emoji."
    )


def survey(source: str, **settings: Any) -> Survey:
    """Looks at a data set.

    Args:
        source: as in a recipe.
        settings: of `DataSettings`, such as bad_files="skip". The split is "train" of TensorFlow Datasets, else "all".

    Raises:
        ZooError: as `load_source`; or the source holds points.
    """
    kind, _, argument = source.partition(":")
    data = DataSettings(source=source, **{"split": "train" if kind == "tfds" else "all", **settings})
    splits = kind in ("folder", "arrays", "mnist5k", "emoji")
    if kind == "folder" and argument:
        tree = file_tree(Path(argument).expanduser())
        files, labels, class_names = find_files(tree, data.bad_files)
        files = [files[i] for i in of_split(data.split, files, labels, "a folder")]
        if not files:
            raise nothing_held_out(tree.root, data.split)
        chosen = spread(len(files))

        def look_at(index: int) -> Look | None:
            image = read_image(tree, files[index], data.white_level)[0]
            return None if image is None else look(image)  # at once, since photographs are large

        with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
            warnings.simplefilter("ignore")  # training tells of them
            seen = with_progress(pool.map(look_at, chosen), len(chosen), f"Looking at {source}")
            looks = [one for one in seen if one]
        if not looks:
            raise ZooError(f"none of {len(chosen)} of the {len(files)} files in {tree.root} is a readable image.")
        return of_looks(source, len(files), class_names, looks, splits, data.split)
    try:
        loaded = load_source(data)
    except ZooError as error:
        if "differ in size" not in str(error):
            raise
        loaded = load_source(data.model_copy(update={"resolution": 64, "fit": "crop", "channels": 3}))
    if loaded.points:
        raise ZooError(f"{source} holds points, not pictures; see --list for the presets of toy data.")
    looks = [look(image) for image in loaded.images[spread(loaded.size)]]
    return of_looks(source, loaded.size, loaded.class_names, looks, splits, data.split)


@dataclasses.dataclass(frozen=True)
class Look:
    """The facts about one picture: (height, width), and what `is_gray`, `is_transparent` and `border_level` say."""

    shape: tuple[int, int]
    gray: bool
    transparent: bool
    border: float


def look(image: np.ndarray) -> Look:
    """The `Look` of uint8 [h, w, c]."""
    return Look(image.shape[:2], is_gray(image[..., :3]), is_transparent(image), border_level(image))


def spread(count: int, most: int = LOOKED_AT) -> np.ndarray:
    """At most `most` of the numbers 0..count - 1, evenly spread.

    Examples:
        >>> spread(1000, 4).tolist(), spread(2).tolist()
        ([0, 333, 666, 999], [0, 1])
    """
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def of_looks(
    source: str, size: int, class_names: tuple[str, ...], seen: Sequence[Look], splits: bool, split: str
) -> Survey:
    """The `Survey` of a source by looks at some of its pictures."""
    gray, clear = all(one.gray for one in seen), any(one.transparent for one in seen)
    channels = 1 if gray else 4 if clear else 3
    light = float(np.median([one.border for one in seen])) >= LIGHT
    return Survey(source, size, class_names, tuple(one.shape for one in seen), channels, light, splits, split)


def is_gray(image: np.ndarray) -> bool:
    """Whether uint8 [h, w, c] has no colour.

    Examples:
        >>> is_gray(np.full([2, 2, 3], 9, np.uint8)), is_gray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
        (True, False)
    """
    return image.shape[2] == 1 or bool(
        (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all()
    )


def is_transparent(image: np.ndarray) -> bool:
    """Whether uint8 [h, w, c] is transparent anywhere."""
    return image.shape[2] == 4 and bool((image[..., 3] < 255).any())


def border_level(image: np.ndarray) -> float:
    """The median level of the outermost pixels of uint8 [h, w, c]; transparent ones count as white."""
    gray = to_shape(image, None, None, 1, "refuse", 255)[..., 0]
    return float(np.median(np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])))


@dataclasses.dataclass(frozen=True)
class Choice:
    """A value that was chosen for a key of a recipe, such as "data.fit", and why."""

    key: str
    value: Any
    why: str


def data_choices(found: Survey, resolution: int) -> list[Choice]:
    """The data settings that bring these pictures to squares of `resolution`.

    Examples:
        >>> for choice in data_choices(Survey("folder:cats", 1200, (), ((480, 640),), 3, False, True), 64):
        ...     print(choice.key, choice.value)
        data.source folder:cats
        data.resolution 64
        data.channels 3
        data.fit crop
        data.background 0
    """
    heights, widths = np.array(found.shapes).T
    small, large = np.minimum(heights, widths), np.maximum(heights, widths)
    square, fits = bool((small == large).all()), bool((large <= resolution).all() and (2 * large > resolution).all())
    if square and fits and (large == resolution).all():
        fit = "crop", "they have this size"
    elif fits:
        fit = "pad", "they are a little smaller; crop would enlarge them"
    elif square:
        fit = "crop", "they are square, and are resized"
    else:
        ratio = float(np.median(large / small))
        fit = (
            "crop",
            (
                f"the largest centred square of each, since the long side is {ratio:.2g} times the short one (median); "
                "pad keeps all of it between bars"
            ),
        )
    colours = {1: (1, "they are gray"), 3: (3, "they are in colour"), 4: (3, "RGB; transparency shows the background")}
    background = (255, "their borders are light or transparent") if found.light else (0, "their borders are dark")
    return [
        Choice("data.source", found.source, str(found)),
        Choice("data.resolution", resolution, f"the shorter sides have {int(np.median(small))} pixels (median)"),
        Choice("data.channels", *colours[found.channels]),
        Choice("data.fit", *fit),
        Choice("data.background", *background),
    ]


def usual_resolution(found: Survey) -> int:
    """64, or 32 for pictures whose shorter side is below 48 pixels in the median: what two CPU cores can learn in hours.

    Examples:
        >>> usual_resolution(Survey("mnist5k", 5000, (), ((28, 28),), 1, False, True))
        32
    """
    return 32 if np.median(np.min(found.shapes, axis=1)) < 48 else 64


def described(choices: list[Choice]) -> str:
    """The choices as text for a terminal, one a line, the last one for each key."""
    first, *others = {choice.key: choice for choice in choices}.values()
    width = max(len(f"{c.key}={text(c.value)}") for c in others)
    lines = [f"  {f'{c.key}={text(c.value)}':<{width}}  {c.why}" for c in others]
    return "\n".join([f"Data: {first.why}.", *lines])


def text(value: Any) -> str:
    """A value as --set takes it."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value).replace("'", '"')
