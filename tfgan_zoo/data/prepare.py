"""Writes a pyramid: every image decoded once, brought to the largest size, and average-pooled down to the smallest.

The unit of work is a shard at all its levels. Each file is written under a temporary name and renamed when complete, and the
shard's part file (its checksums) is written after its images. So a killed process loses only the shards that it was writing;
the same command then resumes with the shards that have no part file, and the bytes are those of an uninterrupted run.
"""

import errno
import fcntl
import itertools
import json
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.core.waiting import with_progress
from tfgan_zoo.data import pooling, records
from tfgan_zoo.data.entries import Entries, entries_of
from tfgan_zoo.data.pyramid import LevelImages, read_about, read_labels
from tfgan_zoo.data.pyramid_plan import (
    check_space,
    nothing_readable,
    plan_of,
    range_text,
    refuse_other_files,
    refuse_other_plan,
    shards_of,
)
from tfgan_zoo.data.sources import Source

CHUNK = 32  # images decoded at a time, which bounds the memory for waiting images
MOST_NAMED = 10  # bad files that an error lists

Row = tuple[int, dict[int, bytes] | None, str | None]


def prepare(
    settings: DataSettings,
    folder: str | Path,
    resolutions: list[int],
    shard_images: int = 512,
    png_from: int = 1024,
    tell: Callable[[str], Any] = print,
) -> None:
    """Writes the pyramid of a source, or the part of it that is missing.

    Args:
        settings: the recipe's data settings; `resolution` is the largest of `resolutions`.
        folder: where to write; created if missing.
        resolutions: consecutive powers of two, ascending.
        shard_images: images per shard.
        png_from: levels of this resolution and above are stored as PNG; 0 for none.
        tell: called with each message to the user.

    Raises:
        ZooError: the source can't be read or an image is refused; the folder holds other files, or a pyramid of
            another source or other settings; another process is writing there; there is too little space.
    """
    folder = Path(folder).expanduser()
    entries = entries_of(settings)
    refuse_other_files(folder)
    with exclusive(folder), reporting_full_disk(folder):
        plan = plan_of(entries, settings, resolutions, shard_images, png_from)
        refuse_other_plan(folder, plan)
        if not (folder / "plan.json").is_file():
            write_json(folder / "plan.json", plan)
        for leftover in folder.rglob("*.partial"):
            leftover.unlink()
        todo = [shard for shard in range(shards_of(plan)) if not is_intact(folder, part_path(folder, shard))]
        if not todo and is_intact(folder, folder / "about.json"):
            about = read_about(folder)
            tell(f"{folder} is complete: {about['images']:,} images of {entries.source} at {range_text(resolutions)}.")
            return
        (folder / "about.json").unlink(missing_ok=True)
        if len(todo) < shards_of(plan):
            tell(f"{shards_of(plan) - len(todo)} of the {shards_of(plan)} shards in {folder} exist; resuming.")
        write_shards(folder, plan, entries, todo, settings.bad_files == "skip", tell)
        about = finish(folder, plan, entries)
        tell(f"{about['images']:,} images of {entries.source} at {range_text(resolutions)} are in {folder}.")


def is_intact(folder: Path, record: Path) -> bool:
    """Whether a part file or about.json exists, and the files that it lists exist with the sizes that it records."""
    try:
        files = json.loads(record.read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, (size, _) in files.items())
    except (OSError, ValueError):
        return False


def part_path(folder: Path, shard: int) -> Path:
    return folder / "parts" / f"{shard:05}.json"


def write_shards(
    folder: Path, plan: dict[str, Any], entries: Entries, todo: list[int], skip: bool, tell: Callable[[str], Any]
) -> None:
    """Writes the shards `todo`."""
    per_shard, total = plan["shard_images"], plan["images"]
    ranges = {shard: range(shard * per_shard, min(total, (shard + 1) * per_shard)) for shard in todo}
    remaining = sum(map(len, ranges.values()))
    check_space(folder, plan, remaining)
    (folder / "parts").mkdir(exist_ok=True)
    with (
        records.threads() as pool,
        closing(rows_of(plan, entries, itertools.chain(*ranges.values()), pool)) as rows,
        closing(with_progress(rows, remaining, entries.source, "images")) as rows,
    ):
        for shard, indices in ranges.items():
            write_shard(folder, plan, entries, shard, itertools.islice(rows, len(indices)), skip, tell)


def rows_of(plan: dict[str, Any], entries: Entries, indices: Iterator[int], pool: ThreadPoolExecutor) -> Generator[Row]:
    """Yields (index, {resolution: record}, None), or (index, None, reason) for a bad file, in order."""

    def row(index):
        image, reason = entries.read(index)
        if reason:
            return index, None, reason
        if image.shape[2] != plan["channels"]:
            raise ZooError(
                f"{entries.names[index]} has {image.shape[2]} channels, but the first image has {plan['channels']}; "
                "use --channels=1, 3 or 4 to convert them all."
            )
        levels = pooling.levels(image, plan["resolutions"])
        return index, {side: records.encoded(level, side in plan["png"]) for side, level in levels.items()}, None

    while chunk := list(itertools.islice(indices, CHUNK)):
        yield from pool.map(row, chunk)


def write_shard(
    folder: Path,
    plan: dict[str, Any],
    entries: Entries,
    shard: int,
    rows: Iterator[Row],
    skip: bool,
    tell: Callable[[str], Any],
) -> None:
    writers = [
        (side, records.ShardWriter(records.shard_path(folder, side, shard), side in plan["png"]))
        for side in plan["resolutions"]
    ]
    labels, bad = [], []
    for index, levels, reason in rows:
        if levels is None:
            bad.append((entries.names[index], reason))
            continue
        labels.append(entries.labels[index])
        for side, writer in writers:
            writer.write(levels[side])
    if bad and not skip:
        refuse_bad_files(entries, bad)
    for name, reason in bad:
        tell(f"skipped {name}: {reason}")
    files: dict[str, list] = {}
    for _, writer in writers:
        files |= {path.relative_to(folder).as_posix(): written for path, written in writer.close().items()}
    part = {"count": len(labels), "labels": labels, "skipped": [name for name, _ in bad], "files": files}
    write_json(part_path(folder, shard), part)


def refuse_bad_files(entries: Entries, bad: list[tuple[str, str | None]]) -> None:
    lines = "".join(f"\n  {name}: {reason}" for name, reason in bad[:MOST_NAMED])
    more = f"\n  and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
    raise ZooError(
        f"files of {entries.source} can't be read as images:{lines}{more}\n"
        "Resume by the same command with --bad_files=skip to leave them out; `verify` lists all such files beforehand."
    )


def finish(folder: Path, plan: dict[str, Any], entries: Entries) -> dict[str, Any]:
    """Writes labels.npy and, last, about.json, and returns the latter's contents."""
    parts = [json.loads(part_path(folder, shard).read_text(encoding="utf-8")) for shard in range(shards_of(plan))]
    about = plan | {
        "images": sum(part["count"] for part in parts),
        "counts": [part["count"] for part in parts],
        "skipped": list(itertools.chain(*(part["skipped"] for part in parts))),
        "files": dict(itertools.chain(*(part["files"].items() for part in parts))),
    }
    if not about["images"]:
        raise nothing_readable(entries)
    if plan["class_names"]:
        path = folder / "labels.npy"
        with open(records.partial(path), "wb") as file:
            np.save(file, np.array(list(itertools.chain(*(part["labels"] for part in parts))), np.int32))
        about["files"]["labels.npy"] = records.publish(path, records.partial(path))
    about["fingerprints"] = dict.fromkeys(map(str, plan["resolutions"]))
    labels, names = read_labels(folder, about), tuple(plan["class_names"])
    for side in plan["resolutions"]:
        level = LevelImages(folder, about, side)
        about["fingerprints"][str(side)] = Source(entries.source, level, labels, names).fingerprint()
    write_json(folder / "about.json", about)
    return about


def write_json(path: Path, value: Any) -> None:
    partial = records.partial(path)
    partial.write_text(json.dumps(value, indent=1), encoding="utf-8")
    records.publish(path, partial)


@contextmanager
def reporting_full_disk(folder: Path) -> Iterator[None]:
    """Turns the error of a full disk into a `ZooError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ZooError(f"the disk of {folder} is full; free some space and run the same command to resume.") from None


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Creates the folder if missing and locks it for this process; the lock ends with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ZooError(f"another process is writing to {folder}; wait for it, or give another folder.") from None
    try:
        yield
    finally:
        os.close(handle)
