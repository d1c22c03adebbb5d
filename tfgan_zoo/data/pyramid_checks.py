"""Checks a pyramid (see pyramid.py). The findings are of these kinds:

incomplete   `prepare` hasn't finished
checksum     a file is missing, or differs from what was written
count        a shard, or the labels, have the wrong number of images
level        an image isn't the average-pooled one of the largest level
class        a class without an image
duplicate    two images are equal at the largest level
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.waiting import with_progress
from tfgan_zoo.data import pooling, records
from tfgan_zoo.data.findings import CHUNK, Finding, InspectedImage, duplicates, hash_of
from tfgan_zoo.data.pyramid import LevelImages, read_about


def of_pyramid(folder: Path) -> tuple[int, list[Finding]]:
    """(number of images, the findings) of a pyramid."""
    if not (folder / "about.json").is_file():
        detail = "about.json is missing; run the same `prepare` again to resume where it stopped"
        return 0, [Finding("incomplete", str(folder), detail)]
    about = read_about(folder)
    problems = [
        Finding("checksum", name, detail)
        for name, recorded in with_progress(
            about["files"].items(), len(about["files"]), f"{folder}: checksums", "files"
        )
        if (detail := difference(folder / name, recorded))
    ]
    damaged = {finding.where for finding in problems}
    if about["class_names"] and "labels.npy" not in damaged:
        problems += of_labels(np.load(folder / "labels.npy"), about)
    shards = [shard for shard in range(len(about["counts"])) if not damaged & set(files_of(folder, about, shard))]
    return about["images"], problems + of_levels(folder, about, shards)


def difference(path: Path, recorded: Sequence) -> str:
    """How a file differs from its recorded [bytes, SHA-256], or ""."""
    if not path.is_file():
        return "is missing"
    size, digest = records.size_and_hash(path)
    if size != recorded[0]:
        return f"has {size} bytes, but {recorded[0]} were written"
    return "" if digest == recorded[1] else "has other bytes than were written"


def files_of(folder: Path, about: dict[str, Any], shard: int) -> list[str]:
    paths = [records.shard_path(folder, side, shard) for side in about["resolutions"]]
    return [p.relative_to(folder).as_posix() for path in paths for p in (path, records.index_path(path))]


def of_labels(labels: np.ndarray, about: dict[str, Any]) -> list[Finding]:
    names = about["class_names"]
    if len(labels) != about["images"]:
        return [Finding("count", "labels.npy", f"{len(labels)} labels for {about['images']} images")]
    return [Finding("class", names[k], "has no image") for k in sorted(set(range(len(names))) - set(labels.tolist()))]


def of_levels(folder: Path, about: dict[str, Any], shards: Sequence[int]) -> list[Finding]:
    """Findings of the kinds count, level and duplicate, in the shards whose checksums are right."""
    levels = {side: LevelImages(folder, about, side, checked=False) for side in about["resolutions"]}
    largest = max(levels)
    images: list[InspectedImage] = []
    problems: list[Finding] = []
    for shard in with_progress(shards, len(shards), f"{folder}: levels", "shards"):
        start, count = levels[largest].starts[shard], about["counts"][shard]
        actual = {side: len(level.shard(shard)) if count else 0 for side, level in levels.items()}
        problems += [
            Finding("count", f"{side:04}/{shard:05}", f"{number} images, but {count} were written")
            for side, number in actual.items()
            if number != count
        ]
        if set(actual.values()) != {count}:
            continue
        for first in range(start, start + count, CHUNK):
            indices = np.arange(first, min(first + CHUNK, start + count))
            pixels = levels[largest].take(indices)
            images += [
                InspectedImage(f"image {n}", None, None, hash_of(image))
                for n, image in zip(indices, pixels, strict=True)
            ]
            for side in set(levels) - {largest}:
                wrong = (levels[side].take(indices) != pooling.pooled(pixels, side)).any(axis=(1, 2, 3))
                problems += [
                    Finding("level", f"{side:04}, image {index}", f"isn't the pooled one of {largest}x{largest}")
                    for index in indices[wrong]
                ]
    return problems + duplicates(images)
