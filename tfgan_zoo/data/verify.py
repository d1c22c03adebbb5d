"""Checks a data set before hours of training are spent on it.

In a folder or .zip file (see folder.py), every image of which is decoded:
    corrupt      can't be read as an image, with the reason
    unlabelled   lies beside class folders, so it has no class
    class        a class without a readable image
    duplicate    has exactly the pixels of an earlier file, whatever the file type; says so if their classes differ
    mode         other channels than most images have, such as a gray one among colour images
    size         if most images have one size: another size; if not: the longer side over 3 times the shorter one, or the
                 shorter side below a quarter of its median
    animated     has several frames, of which only the first is used
    dark         files of 16 bits of which few are used, so that white is far above the largest level

In another source, such as arrays:FILE.npz or tfds:NAME, only duplicates. In a pyramid, what pyramid_checks.py finds.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.file_names import displayed
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.core.waiting import with_progress
from tfgan_zoo.data import records
from tfgan_zoo.data.file_trees import LABELS, FileTree, file_tree, json_labels
from tfgan_zoo.data.findings import CHUNK, Finding, InspectedImage, duplicates, hash_of
from tfgan_zoo.data.folder import read_image, unused_levels
from tfgan_zoo.data.pyramid_checks import of_pyramid
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.survey import source_of

LONG, SMALL = 3, 4  # bounds of `unusual_size`


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        count: the number of images checked.
        problems: the findings.
        levels: the smallest and the largest level of the images as uint8; None if they were not read.
        deepest: the largest level of files of 16-bit gray, before they become uint8; None if there are none.
    """

    count: int
    problems: list[Finding]
    levels: tuple[int, int] | None = None
    deepest: int | None = None

    def __str__(self) -> str:
        """In one line.

        Examples:
            >>> str(Check(1200, [], (0, 15), 4000))
            '1,200 images, levels 0 to 15 (in files of 16 bits up to 4,000), nothing found.'
        """
        parts = [f"{self.count:,} image{'s' * (self.count != 1)}"]
        if self.levels:
            deep = f" (in files of 16 bits up to {self.deepest:,})" if self.deepest is not None else ""
            parts.append(f"levels {self.levels[0]} to {self.levels[1]}{deep}")
        return ", ".join(
            [
                *parts,
                f"{len(self.problems):,} finding{'s' * (len(self.problems) > 1)}."
                if self.problems
                else "nothing found.",
            ]
        )


def findings(folder: str | Path) -> tuple[int, list[Finding]]:
    """(number of images checked, the findings) of a data set; see `check`."""
    found = check(str(folder))
    return found.count, found.problems


def check(name: str, **settings: Any) -> Check:
    """Checks a data set: what `train --data` takes. settings: of `DataSettings`, such as white_level or data_dir.

    Raises:
        ZooError: there is no such data set; it is empty; it holds points; it is a pyramid of another layout.
    """
    path = Path(name).expanduser()
    if (path / "plan.json").is_file():
        return Check(*of_pyramid(path))
    source = source_of(name)
    kind, _, argument = source.partition(":")
    if kind == "folder":
        return of_files(file_tree(Path(argument).expanduser()), settings.get("white_level"))
    return of_source(DataSettings(source=source, **settings))


def of_source(settings: DataSettings) -> Check:
    """`check` of a source that is no folder."""
    source, name = load_source(settings), settings.source
    if source.points:
        raise ZooError(f"{name} holds points, not pictures.")
    images, low, high = [], 255, 0
    for start in with_progress(range(0, source.size, CHUNK), -(-source.size // CHUNK), name):
        pixels = np.asarray(source.images[start : start + CHUNK])
        low, high = min(low, int(pixels.min())), max(high, int(pixels.max()))
        labels = [None] * len(pixels) if source.labels is None else source.labels[start : start + CHUNK]
        images += [
            InspectedImage(
                f"image {start + i}", None if label is None else source.class_names[label], None, hash_of(image)
            )
            for i, (image, label) in enumerate(zip(pixels, labels, strict=True))
        ]
    return Check(source.size, duplicates(images), (low, high))


def of_files(tree: FileTree, white_level: int | None = None) -> Check:
    """`check` of a folder or .zip file of images: flat, with one subfolder per class, or with StyleGAN's dataset.json."""
    root, (folders, files) = tree.root, tree.entries()
    if not folders and not files:
        raise ZooError(f"{root} is empty; expected image files, or one subfolder of them per class.")
    labels = json_labels(tree)
    if labels is None:
        problems = [Finding("unlabelled", name, "beside class folders") for name in files] if folders else []
        members: list[tuple[str, str | None]] = [(name, None) for name in files]
        members += [(file, name) for name in folders for file in tree.below(name)]
        classes = set(folders)
    else:
        members = [(file, str(labels[file]) if file in labels else None) for file in tree.below() if file != LABELS]
        unlabelled = [file for file, label in members if labels and label is None]
        problems = [Finding("unlabelled", file, f"without a label in {LABELS}") for file in unlabelled]
        there = {file for file, _ in members}
        problems += [Finding("corrupt", file, f"in {LABELS}, but missing") for file in labels if file not in there]
        classes = {str(label) for label in labels.values()}
    Image.init()  # registers every file type once, before the threads do
    with records.threads() as pool:
        chunks = (members[start : start + CHUNK] for start in range(0, len(members), CHUNK))
        rows = (
            row
            for chunk in chunks
            for row in pool.map(lambda member: inspect(tree, member[0], member[1], white_level), chunk)
        )
        images = list(with_progress(rows, len(members), str(root), "files"))
    readable = [image for image in images if not image.reason]
    problems += [Finding("corrupt", image.where, image.reason) for image in images if image.reason]
    for name in sorted(classes - {image.label for image in readable}):
        problems.append(Finding("class", name, "has no readable image"))
    problems += duplicates(readable) + outliers(readable)
    deep = [image.level for image in readable if image.level is not None]
    if detail := unused_levels(deep, white_level):
        problems.append(Finding("dark", str(root), detail))
    lowest, highest = (pick((pick(image.levels) for image in readable), default=0) for pick in (min, max))
    return Check(
        len(images),
        [Finding(*map(displayed, astuple(problem))) for problem in problems],
        (lowest, highest) if readable else None,
        max(deep, default=None),
    )


def inspect(tree: FileTree, file: str, label: str | None, white_level: int | None = None) -> InspectedImage:
    """Decodes a file."""
    levels: list[int] = []
    pixels, reason = read_image(tree, file, white_level, levels.append)
    if pixels is None:
        return InspectedImage(file, label, reason)
    try:
        with tree.open(file) as opened, Image.open(opened) as image:
            frames = getattr(image, "n_frames", 1) if image.format in ("GIF", "PNG", "WEBP", "TIFF") else 1
    except Exception as error:  # as in `read_image`
        return InspectedImage(file, label, f"damaged behind its first frame: {error or type(error).__name__}")
    level, extremes = levels[0] if levels else None, (int(pixels.min()), int(pixels.max()))
    return InspectedImage(file, label, None, hash_of(pixels), pixels.shape, frames, level, extremes)


def outliers(images: Sequence[InspectedImage]) -> list[Finding]:
    """Findings of the kinds mode, size and animated."""
    if not images:
        return []
    usual_channels = most_common(image.shape[2] for image in images)[0]
    usual_size, count = most_common(image.shape[:2] for image in images)
    median = np.median([min(image.shape[:2]) for image in images])
    problems = []
    for image in images:
        if image.shape[2] != usual_channels:
            detail = f"{image.shape[2]} channels, where most have {usual_channels}"
            problems.append(Finding("mode", image.where, detail))
        height, width = image.shape[:2]
        if detail := unusual_size(height, width, usual_size if 2 * count > len(images) else None, median):
            problems.append(Finding("size", image.where, detail))
        if image.frames > 1:
            problems.append(Finding("animated", image.where, f"{image.frames} frames, of which only the first is used"))
    return problems


def most_common(values: Iterable[Any]) -> tuple[Any, int]:
    """(value, count)."""
    return Counter(values).most_common(1)[0]


def unusual_size(height: int, width: int, usual: tuple[int, ...] | None, median: float) -> str:
    """What is unusual about a size, or "". `usual` is the size of most images, None if there is no such size."""
    size = f"{height}x{width} (height x width)"
    if usual:
        return "" if (height, width) == usual else f"{size}, where most are {usual[0]}x{usual[1]}"
    if max(height, width) > LONG * min(height, width):
        return f"{size}: long and narrow"
    return f"{size}: small beside a median of {median:g}" if min(height, width) < median / SMALL else ""
