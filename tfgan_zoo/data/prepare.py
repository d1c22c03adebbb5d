"""Writes a pyramid: every image decoded once, brought to the largest size, and average-pooled down to the smallest.

The unit is a shard at all its levels. Each file is written under another name and renamed when whole, and the shard's
part (its checksums) comes after its files. So a process that is killed loses no more than the shards that it was at, and
the same command goes on with those that have no part; the bytes are those of an undisturbed run.
"""

import errno
import fcntl
import itertools
import json
import os
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data import pooling, records
from tfgan_zoo.data.entries import entries_of
from tfgan_zoo.data.images_on_disk import watched
from tfgan_zoo.data.pyramid import LevelImages, read_about, read_labels
from tfgan_zoo.data.pyramid_plan import (
    check_room,
    nothing_readable,
    plan_of,
    refuse_other_files,
    refuse_other_plan,
    said,
    shards_of,
)
from tfgan_zoo.data.sources import Source

CHUNK = 32  # images decoded at a time, which bounds the memory for images that wait
MOST_NAMED = 10  # bad files that an error names


def prepare(settings, folder, resolutions, shard_images=512, png_from=1024, tell=print):
    """Writes the pyramid of a source, or what is missing of it.

    Args:
        settings: the recipe's data settings; `resolution` is the largest of `resolutions`.
        folder: where to; made where it isn't there.
        resolutions: powers of two, rising, without a gap.
        shard_images: images in a shard.
        png_from: the levels of this resolution and above are kept as PNG; 0 for none.
        tell: called with each sentence for the user.

    Raises:
        ZooError: the source can't be read or an image is refused; the folder holds other things, or a pyramid of
            another source or of other settings; another process is at work in it; there is no room.
    """
    folder = Path(folder).expanduser()
    entries = entries_of(settings)
    refuse_other_files(folder)
    with held(folder), full_disk_told(folder):
        plan = plan_of(entries, settings, resolutions, shard_images, png_from)
        refuse_other_plan(folder, plan)
        if not (folder / "plan.json").is_file():
            write_json(folder / "plan.json", plan)
        for leftover in folder.rglob("*.partial"):
            leftover.unlink()
        todo = [shard for shard in range(shards_of(plan)) if not is_sound(folder, part_path(folder, shard))]
        if not todo and is_sound(folder, folder / "about.json"):
            about = read_about(folder)
            tell(f"{folder} is complete: {about['images']:,} images of {entries.source} at {said(resolutions)}.")
            return
        (folder / "about.json").unlink(missing_ok=True)
        if len(todo) < shards_of(plan):
            tell(f"{shards_of(plan) - len(todo)} of the {shards_of(plan)} shards in {folder} are there; goes on.")
        write_shards(folder, plan, entries, todo, settings.bad_files == "skip", tell)
        about = finish(folder, plan, entries)
        tell(f"{about['images']:,} images of {entries.source} at {said(resolutions)} are in {folder}.")


def is_sound(folder, record):
    """Whether a part, or about.json, is there, and the files that it tells of in the size that it says."""
    try:
        files = json.loads(record.read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, (size, _) in files.items())
    except (OSError, ValueError):
        return False


def part_path(folder, shard):
    return folder / "parts" / f"{shard:05}.json"


def write_shards(folder, plan, entries, todo, skip, tell):
    """Writes the shards `todo`."""
    per_shard, total = plan["shard_images"], plan["images"]
    ranges = {shard: range(shard * per_shard, min(total, (shard + 1) * per_shard)) for shard in todo}
    left = sum(map(len, ranges.values()))
    check_room(folder, plan, left)
    (folder / "parts").mkdir(exist_ok=True)
    with (
        records.threads() as pool,
        closing(rows_of(plan, entries, itertools.chain(*ranges.values()), pool)) as rows,
        closing(watched(rows, left, entries.source)) as rows,
    ):
        for shard, numbers in ranges.items():
            write_shard(folder, plan, entries, shard, itertools.islice(rows, len(numbers)), skip, tell)


def rows_of(plan, entries, numbers, pool):
    """Yields (number, {resolution: record}, None), or (number, None, why its file is bad), in their order."""

    def row(number):
        image, reason = entries.read(number)
        if reason:
            return number, None, reason
        if image.shape[2] != plan["channels"]:
            raise ZooError(
                f"{entries.names[number]} has {image.shape[2]} channels, and the first image {plan['channels']}; "
                "--channels=1, 3 or 4 brings all of them to one."
            )
        found = pooling.levels(image, plan["resolutions"])
        return number, {side: records.encoded(level, side in plan["png"]) for side, level in found.items()}, None

    while chunk := list(itertools.islice(numbers, CHUNK)):
        yield from pool.map(row, chunk)


def write_shard(folder, plan, entries, shard, rows, skip, tell):
    writers = [
        (side, records.ShardWriter(records.shard_path(folder, side, shard), side in plan["png"]))
        for side in plan["resolutions"]
    ]
    labels, bad = [], []
    for number, levels, reason in rows:
        if reason:
            bad.append((entries.names[number], reason))
            continue
        labels.append(entries.labels[number])
        for side, writer in writers:
            writer.write(levels[side])
    if bad and not skip:
        refuse_bad_files(entries, bad)
    for name, reason in bad:
        tell(f"skipped {name}: {reason}")
    files = {}
    for _, writer in writers:
        files |= {path.relative_to(folder).as_posix(): facts for path, facts in writer.close().items()}
    part = {"count": len(labels), "labels": labels, "skipped": [name for name, _ in bad], "files": files}
    write_json(part_path(folder, shard), part)


def refuse_bad_files(entries, bad):
    lines = "".join(f"\n  {name}: {reason}" for name, reason in bad[:MOST_NAMED])
    more = f"\n  and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
    raise ZooError(
        f"files of {entries.source} can't be read as images:{lines}{more}\n"
        "The same command with --bad_files=skip leaves such out and goes on; `verify` lists them all beforehand."
    )


def finish(folder, plan, entries):
    """Writes labels.npy and, last, about.json, which it returns."""
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


def write_json(path, value):
    partial = records.partial(path)
    partial.write_text(json.dumps(value, indent=1), encoding="utf-8")
    records.publish(path, partial)


@contextmanager
def full_disk_told(folder):
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ZooError(f"the disk of {folder} is full; make room, and the same command goes on.") from None


@contextmanager
def held(folder):
    """The folder, made where it isn't there, belongs to this process; however that ends, the lock ends with it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ZooError(f"another process is writing in {folder}; wait for it, or give another folder.") from None
    try:
        yield
    finally:
        os.close(handle)
