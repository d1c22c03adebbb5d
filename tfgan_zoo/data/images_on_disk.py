"""Where decoded images live: one array in memory or, when large, one file in the cache, memory-mapped and used again.

The cache folder holds one folder for each set of images, named by its key: images.bin (uint8, row after row),
labels.npy and about.json. It is written under another name (`*.partial`) and renamed when complete, so what bears the
key is whole, and of two processes that make the same one, the first to finish wins. What is there is used, whatever
the memory limit. Everything in it can be deleted.
"""

import hashlib
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError

LAYOUT = 1  # part of every key: raise it when what is written, or how images are decoded or resized, changes
SAY_EVERY = 30.0  # seconds between lines of progress where there is no terminal


def key_of(kind, facts):
    """The name of a cache entry: `kind`, and a hash of `facts`, anything that JSON can write."""
    text = json.dumps([LAYOUT, facts], sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def cache_folder(settings):
    """`settings.cache_dir`, or ~/.cache/tfgan_zoo."""
    return Path(settings.cache_dir).expanduser() if settings.cache_dir else Path.home() / ".cache" / "tfgan_zoo"


def cached(key, settings):
    """(images [N, H, W, C] memory-mapped, labels int32 [N]) of an earlier `collect`, or None if there are none."""
    return _open(cache_folder(settings) / key)


def _open(folder):
    try:
        shape = json.loads((folder / "about.json").read_text(encoding="utf-8"))["image_shape"]
        labels = np.load(folder / "labels.npy", allow_pickle=False)
        # ValueError when the file is shorter than that
        return np.memmap(folder / "images.bin", np.uint8, "r", shape=(len(labels), *shape)), labels
    except (OSError, ValueError, KeyError, EOFError):
        return None


def collect(rows, capacity, key, name, settings):
    """Runs through `rows` once and keeps the images where `settings.memory_limit_mb` allows.

    Args:
        rows: iterable of (what to call it in a message, uint8 image [H, W, C], label; -1 for none).
        capacity: at most this many rows will come.
        key: from `key_of`: under what name a large set is kept.
        name: the source, for messages.

    Returns:
        (uint8 images [N, H, W, C], int32 labels [N]); the images are memory-mapped if capacity * H * W * C is over
        the limit. N = 0 is a [0, 0, 0, 0] array.

    Raises:
        ZooError: two images differ in shape; there is no room in the cache.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return np.empty((0, 0, 0, 0), np.uint8), np.empty(0, np.int32)
    rows = _of_one_shape(itertools.chain([first], rows))
    needed = capacity * first[1].size
    if needed <= settings.memory_limit_mb * 2**20:
        with closing(watched(rows, capacity, name)) as rows:
            return _in_memory(rows, capacity, first[1].shape)
    folder = cache_folder(settings) / key
    print(f"{name}: {needed / 2**20:,.0f} MiB of images are kept in {folder}", file=sys.stderr)
    with closing(watched(rows, capacity, name)) as rows:
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
                "set data.cache_dir to a larger disk, or data.memory_limit_mb higher."
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
        if _open(folder) is None:  # damaged since it was written; else another process was first, with the same bytes
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
                f"{name} is {_size(image.shape)}; set data.resolution to bring all of them to one."
            )
        if image.shape != first_shape:
            raise ZooError(
                f"the images differ in channels: {first_name} has {first_shape[2]}, {name} has {image.shape[2]}; "
                "set data.channels to 1, 3 or 4 to bring all of them to one."
            )
        yield row


def _size(shape):
    return f"{shape[0]}x{shape[1]}"


def watched(rows, total, name):
    """The same rows, with a progress bar on a terminal, and elsewhere with a line now and then when it takes long."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import track

    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(rows, escape(name), total, console=console, transient=True)
        return
    said = time.monotonic()
    for count, row in enumerate(rows, 1):
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            print(f"{name}: {count:,} of {total:,} images", file=sys.stderr, flush=True)
        yield row
