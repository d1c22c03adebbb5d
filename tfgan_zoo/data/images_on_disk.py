"""Storage of decoded images: an array in memory or, if large, a memory-mapped file in a cache that later runs reuse.

The cache folder holds one folder per set of images, named by its key: images.bin (uint8, row after row), labels.npy and
about.json. A set is written under another name (`*.partial`) and renamed when complete, so a folder with the key's name
is complete; of two processes that write the same set, the first to finish wins. An existing set is used whatever the
memory limit. Everything in the cache can be deleted.
"""

import hashlib
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.core.waiting import with_progress

LAYOUT = 1  # part of every key: increment it if the file format, decoding or resizing changes

Row = tuple[str, np.ndarray, int]


def key_of(kind: str, facts: Any) -> str:
    """The name of a cache entry: `kind`, and a hash of `facts`, which are anything that JSON can write."""
    text = json.dumps([LAYOUT, facts], sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def cache_folder(settings: DataSettings) -> Path:
    """`settings.cache_dir`, or ~/.cache/tfgan_zoo."""
    return Path(settings.cache_dir).expanduser() if settings.cache_dir else Path.home() / ".cache" / "tfgan_zoo"


def cached(key: str, settings: DataSettings) -> tuple[np.ndarray, np.ndarray] | None:
    """(memory-mapped images [N, H, W, C], labels int32 [N]) of an earlier `collect`, or None if there was none."""
    return _open(cache_folder(settings) / key)


def _open(folder):
    try:
        shape = json.loads((folder / "about.json").read_text(encoding="utf-8"))["image_shape"]
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        # ValueError if the file is shorter than that
        return np.memmap(folder / "images.bin", np.uint8, "r", shape=(len(labels), *shape)), labels
    except (OSError, ValueError, KeyError, EOFError):
        return None


def collect(
    rows: Iterable[Row], capacity: int, key: str, name: str, settings: DataSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Iterates over `rows` once and stores the images in memory or, above `settings.memory_limit_mb`, in the cache.

    Args:
        rows: (what to call it in a message, uint8 image [H, W, C], label; -1 for none).
        capacity: the largest number of rows that can come.
        key: from `key_of`; the name of the cache entry.
        name: the source, for messages.

    Returns:
        (uint8 images [N, H, W, C], int32 labels [N]). The images are memory-mapped if capacity * H * W * C is over
        the limit. If there are no rows, the images are a [0, 0, 0, 0] array.

    Raises:
        ZooError: two images differ in shape; the cache has too little space.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return np.empty((0, 0, 0, 0), np.uint8), np.empty(0, np.int32)
    rows = _of_one_shape(itertools.chain([first], rows))
    needed = capacity * first[1].size
    if needed <= settings.memory_limit_mb * 2**20:
        with closing(with_progress(rows, capacity, name, "images")) as rows:
            return _in_memory(rows, capacity, first[1].shape)
    folder = cache_folder(settings) / key
    print(f"{name}: {needed / 2**20:,.0f} MiB of images are stored in {folder}", file=sys.stderr)
    with closing(with_progress(rows, capacity, name, "images")) as rows:
        _write(rows, needed, first[1].shape, name, folder)
    return _open(folder)


def _in_memory(rows, capacity, shape):
    images, labels = np.empty((capacity, *shape), np.uint8), np.empty(capacity, np.int32)
    count = 0
    for _, image, label in rows:
        images[count], labels[count] = image, label
        count += 1
    return images[:count], labels[:count]


def _write(rows, needed, shape, name, folder):
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder.parent).free
        if free < needed:
            raise ZooError(
                f"{name} needs {needed / 2**20:,.0f} MiB in {folder.parent}, which has {free / 2**20:,.0f} MiB free; "
                "set data.cache_dir to a larger disk, or increase data.memory_limit_mb."
            )
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise ZooError(f"the cache {folder.parent} can't be written ({error}); set data.cache_dir.") from None
    try:
        labels = []
        with open(partial / "images.bin", "wb") as file:
            for _, image, label in rows:
                file.write(image.tobytes())
                labels.append(label)
        np.save(partial / "labels.npy", np.array(labels, np.int32))
        about = {"source": name, "image_shape": shape, "images": len(labels)}
        (partial / "about.json").write_text(json.dumps(about), encoding="utf-8")
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _publish(partial, folder):
    try:
        os.rename(partial, folder)
    except OSError:
        if _open(folder) is None:  # damaged since it was written; otherwise another process finished first
            shutil.rmtree(folder)
            os.rename(partial, folder)


def _of_one_shape(rows):
    first_name, first_shape = None, None
    for row in rows:
        name, image, _ = row
        if first_shape is None:
            first_name, first_shape = name, image.shape
        if image.shape[:2] != first_shape[:2]:
            raise ZooError(
                f"the images differ in size (height x width): {first_name} is {_size(first_shape)}, "
                f"{name} is {_size(image.shape)}; set data.resolution to resize them all."
            )
        if image.shape != first_shape:
            raise ZooError(
                f"the images differ in channels: {first_name} has {first_shape[2]}, {name} has {image.shape[2]}; "
                "set data.channels to 1, 3 or 4 to convert them all."
            )
        yield row


def _size(shape):
    return f"{shape[0]}x{shape[1]}"
