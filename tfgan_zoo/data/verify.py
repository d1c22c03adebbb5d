"""What is wrong with a data set, before hours are spent on it: a folder of images, or a pyramid.

A folder (see folder.py), of which every image is decoded:
    corrupt      can't be read as an image, for the reason given
    unlabelled   lies beside class folders, and so in no class
    class        a class without a readable image
    duplicate    has the very pixels of an earlier file, whatever the file type; it says so where their classes differ
    mode         other channels than most images have, such as a gray one among colours
    size         where most images have one size: another one; else: a longer side of more than 3 times the shorter, or a
                 shorter side below a quarter of its median
    animated     of several frames, of which the first counts

A pyramid (see pyramid.py):
    incomplete   `prepare` hasn't come to its end
    checksum     a file is missing, or isn't what was written
    count        a shard, or the labels, hold another number of images than they should
    level        an image isn't the average-pooled one of the largest level
    class        a class without an image
    duplicate    two images are the same at the largest level
"""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import pooling, records
from tfgan_zoo.data.folder import read_image
from tfgan_zoo.data.images_on_disk import watched
from tfgan_zoo.data.pyramid import LevelImages, read_about

CHUNK = 64  # images decoded at a time
LONG, SMALL = 3, 4


@dataclass(frozen=True)
class Finding:
    """`kind` is a word of the module's docstring, `where` a file or image, `detail` what is to be said of it."""

    kind: str
    where: str
    detail: str


@dataclass(frozen=True)
class InspectedImage:
    """What is remembered of an image: `pixels` is the hash of them, `label` its class, None where there are none."""

    where: str
    label: str | None
    reason: str | None = None
    pixels: bytes = b""
    shape: tuple = ()
    frames: int = 1


def findings(folder):
    """(number of images looked at, list of `Finding`) of a folder of images or a pyramid.

    Raises:
        ZooError: no such folder; nothing in it; a pyramid of another layout.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ZooError(f"there is no folder {folder}; expected one of images, or a pyramid.")
    return of_pyramid(folder) if (folder / "plan.json").is_file() else of_folder(folder)


def of_folder(root):
    """`findings` of a folder of images; one subfolder a class, or flat."""
    entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    classes = [path.name for path in entries if path.is_dir()]
    files = [(path, None) for path in entries if not path.is_dir()]
    if not entries:
        raise ZooError(f"{root} is empty; expected image files, or one subfolder of them for each class.")
    found = [Finding("unlabelled", path.name, "beside class folders") for path, _ in files] if classes else []
    files += [(path, name) for name in classes for path in files_below(root / name)]
    Image.init()  # every file type, before threads would do it
    with records.threads() as pool:
        chunks = (files[start : start + CHUNK] for start in range(0, len(files), CHUNK))
        rows = (row for chunk in chunks for row in pool.map(lambda file: look(root, *file), chunk))
        seen = list(watched(rows, len(files), str(root)))
    good = [image for image in seen if not image.reason]
    found += [Finding("corrupt", image.where, image.reason) for image in seen if image.reason]
    for name in sorted(set(classes) - {image.label for image in good}):
        found.append(Finding("class", name, "has no readable image"))
    return len(seen), found + duplicates(good) + odd_ones(good)


def files_below(folder):
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place) / name for name in files if not name.startswith(".")]
    return sorted(found)


def look(root, path, label):
    """The `Seen` of a file."""
    where = path.relative_to(root).as_posix()
    pixels, reason = read_image(path)
    if reason:
        return InspectedImage(where, label, reason)
    with Image.open(path) as image:
        frames = image.n_frames if image.format in ("GIF", "PNG", "WEBP", "TIFF") else 1
    return InspectedImage(where, label, None, hash_of(pixels), pixels.shape, frames)


def hash_of(pixels):
    return hashlib.sha256(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes()).digest()


def duplicates(seen):
    first, found = {}, []
    for image in seen:
        earlier = first.setdefault(image.pixels, image)
        if earlier is not image:
            classes = "" if earlier.label == image.label else f", but is of class {image.label}, not {earlier.label}"
            found.append(Finding("duplicate", image.where, f"the pixels of {earlier.where}{classes}"))
    return found


def odd_ones(seen):
    """Findings of the kinds mode, size and animated."""
    if not seen:
        return []
    usual_channels = commonest(image.shape[2] for image in seen)[0]
    usual_size, count = commonest(image.shape[:2] for image in seen)
    median = np.median([min(image.shape[:2]) for image in seen])
    found = []
    for image in seen:
        if image.shape[2] != usual_channels:
            what = f"{image.shape[2]} channels, where most have {usual_channels}"
            found.append(Finding("mode", image.where, what))
        if what := odd_size(*image.shape[:2], usual_size if 2 * count > len(seen) else None, median):
            found.append(Finding("size", image.where, what))
        if image.frames > 1:
            found.append(Finding("animated", image.where, f"{image.frames} frames, of which the first counts"))
    return found


def commonest(values):
    """(value, how often)."""
    return Counter(values).most_common(1)[0]


def odd_size(height, width, usual, median):
    """What is odd; nothing where nothing is. `usual` is the size of most images, None where they have none."""
    said = f"{height}x{width} (height x width)"
    if usual:
        return "" if (height, width) == usual else f"{said}, where most are {usual[0]}x{usual[1]}"
    if max(height, width) > LONG * min(height, width):
        return f"{said}: long and narrow"
    return f"{said}: small beside a median of {median:g}" if min(height, width) < median / SMALL else ""


def of_pyramid(folder):
    """`findings` of a pyramid."""
    if not (folder / "about.json").is_file():
        what = "about.json is missing; the same `prepare` once more goes on where it stopped"
        return 0, [Finding("incomplete", str(folder), what)]
    about = read_about(folder)
    found = [
        Finding("checksum", name, what)
        for name, facts in watched(about["files"].items(), len(about["files"]), f"{folder}: checksums")
        if (what := difference(folder / name, facts))
    ]
    damaged = {finding.where for finding in found}
    if about["class_names"] and "labels.npy" not in damaged:
        found += of_labels(np.load(folder / "labels.npy"), about)
    shards = [shard for shard in range(len(about["counts"])) if not damaged & set(files_of(folder, about, shard))]
    return about["images"], found + of_levels(folder, about, shards)


def difference(path, facts):
    """What to say of a file that isn't [bytes, SHA-256] `facts`; nothing of one that is."""
    if not path.is_file():
        return "is missing"
    size, digest = records.facts(path)
    if size != facts[0]:
        return f"has {size} bytes, and {facts[0]} were written"
    return "" if digest == facts[1] else "has other bytes than were written"


def files_of(folder, about, shard):
    paths = [records.shard_path(folder, side, shard) for side in about["resolutions"]]
    return [p.relative_to(folder).as_posix() for path in paths for p in (path, records.index_path(path))]


def of_labels(labels, about):
    names = about["class_names"]
    if len(labels) != about["images"]:
        return [Finding("count", "labels.npy", f"{len(labels)} labels of {about['images']} images")]
    return [Finding("class", names[k], "has no image") for k in sorted(set(range(len(names))) - set(labels.tolist()))]


def of_levels(folder, about, shards):
    """Findings of the kinds count, level and duplicate in the shards whose files are as they were written."""
    levels = {side: LevelImages(folder, about, side, checked=False) for side in about["resolutions"]}
    largest, seen, found = max(levels), [], []
    for shard in watched(shards, len(shards), f"{folder}: levels"):
        start, count = levels[largest].starts[shard], about["counts"][shard]
        held = {side: len(level.shard(shard)) if count else 0 for side, level in levels.items()}
        found += [
            Finding("count", f"{side:04}/{shard:05}", f"{there} images, and {count} were written")
            for side, there in held.items()
            if there != count
        ]
        if set(held.values()) != {count}:
            continue
        for first in range(start, start + count, CHUNK):
            numbers = np.arange(first, min(first + CHUNK, start + count))
            images = levels[largest].take(numbers)
            seen += [
                InspectedImage(f"image {n}", None, None, hash_of(image))
                for n, image in zip(numbers, images, strict=True)
            ]
            for side in set(levels) - {largest}:
                wrong = (levels[side].take(numbers) != pooling.pooled(images, side)).any(axis=(1, 2, 3))
                found += [
                    Finding("level", f"{side:04}, image {number}", f"isn't the pooled one of {largest}x{largest}")
                    for number in numbers[wrong]
                ]
    return found + duplicates(seen)
