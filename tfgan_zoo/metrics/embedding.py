"""Features of many images in bounded memory: on disk if there are many, and cached under a hash of what they were made from."""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.atomic_files import replaced
from tfgan_zoo.metrics.distances import Moments, moments
from tfgan_zoo.metrics.features import FeatureNetwork

BATCH = 100  # larger batches take GBs in Inception
IN_MEMORY = 64 * 2**20  # bytes; larger arrays are memory-mapped
LAYOUT = 1  # part of every key: increment it if the file format changes


def slices(count: int, size: int = BATCH) -> list[slice]:
    """Slices of `size` rows, the last one shorter, that cover `count` rows."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def empty_array(rows: int, columns: int) -> np.ndarray:
    """An uninitialised float32 [rows, columns]: in memory, or if large in a temporary file deleted along with the array."""
    if rows * columns * 4 <= IN_MEMORY:
        return np.empty([rows, columns], np.float32)
    return np.memmap(tempfile.TemporaryFile(), np.float32, "w+", shape=(rows, columns))


def embed_batches(
    network: FeatureNetwork, batches: Iterable[np.ndarray], count: int, size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(features [count, D], logits [count, K]) of a `FeatureNetwork`, float32.

    Args:
        network: the feature network.
        batches: uint8 images [B, H, W, C].
        count: total number of images.
        size: to which a smaller batch is padded; by default `BATCH`, or `count` if that is smaller.
    """
    features, logits = empty_array(count, network.dimension), empty_array(count, network.classes)
    start = 0
    for images in batches:
        here = slice(start, start + len(images))
        features[here], logits[here] = network.embed(images, size or min(BATCH, count))
        start = here.stop
    return features, logits


class FeatureCache:
    """Features of data sets, stored in a folder under a hash of the images, the network and the resizing of its input.

    A file in progress is called `*.partial.npy`, and one left by a crash is resumed. Of two processes that need the same
    features, one waits for the other. Everything in the folder can be deleted.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, network: FeatureNetwork, source: Any, numbers: np.ndarray) -> Path:
        """The file for the features of these examples of a source."""
        facts = [LAYOUT, network.name, network.sha256, network.resizing, source.fingerprint(), tf.__version__]
        digest = hashlib.sha256(json.dumps(facts).encode() + np.asarray(numbers, "<i8").tobytes()).hexdigest()
        return self.folder / f"features-{digest[:24]}.npy"

    def features(self, network: FeatureNetwork, source: Any, numbers: np.ndarray, watch: Callable) -> np.ndarray:
        """float32 [len(numbers), D], memory-mapped, of these examples of a source.

        Args:
            network: the feature network.
            source: a data source with `images` and `fingerprint()`.
            numbers: indices of the examples.
            watch: function (list, text) -> the same list, which reports progress through it.
        """
        path = self.path(network, source, numbers)
        if not path.exists():
            with self.locked(path) as writable:
                if not writable:
                    batches = (source.images[numbers[here]] for here in slices(len(numbers)))
                    return embed_batches(network, batches, len(numbers))[0]
                if not path.exists():
                    self.compute(path, network, source.images, numbers, watch)
        return np.load(path, mmap_mode="r")

    def moments(self, network: FeatureNetwork, source: Any, numbers: np.ndarray, features: np.ndarray) -> Moments:
        """The `Moments` of `features`, which are those of these examples."""
        path = self.path(network, source, numbers).with_suffix(".moments.npz")
        if path.exists():
            with np.load(path) as stored:
                return Moments(stored["mean"], stored["covariance"], int(stored["count"]))
        result = moments(features)
        with self.locked(path) as writable:
            if writable:
                with replaced(path) as temporary, open(temporary, "wb") as file:
                    np.savez(file, mean=result.mean, covariance=result.covariance, count=result.count)
        return result

    @contextlib.contextmanager
    def locked(self, path: Path) -> Iterator[bool]:
        """Creates the folder and holds the lock of a file in it. Yields False, with a warning, if it is not writable."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(path.with_suffix(".lock"), "w")  # noqa: SIM115
        except OSError as error:
            warnings.warn(
                f"features are not cached but recomputed each time: {error}; name a writable folder:"
                " --set data.cache_dir.",
                stacklevel=2,
            )
            yield False
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield True

    def compute(self, path: Path, network: FeatureNetwork, images: Any, numbers: np.ndarray, watch: Callable) -> None:
        """Writes the features to `path`, batch by batch, resuming from a partial file."""
        partial, count = path.with_suffix(".partial.npy"), len(numbers)
        progress = path.with_suffix(".rows")
        done = int(progress.read_text()) if progress.exists() and partial.exists() else 0
        mode: Any = "r+" if done else "w+"
        features = np.lib.format.open_memmap(partial, mode, np.float32, (count, network.dimension))
        remaining = [here for here in slices(count) if here.start >= done]
        for here in watch(remaining, f"Features of {count:,} real images"):
            features[here] = network.features(images[numbers[here]], min(BATCH, count))
            features.flush()
            with replaced(progress) as temporary:
                temporary.write_text(str(here.stop))
        os.replace(partial, path)
        progress.unlink(missing_ok=True)
