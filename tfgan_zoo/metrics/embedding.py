"""Features of many images in bounded memory: on disk where they are many, and kept by what they are features of."""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgan_zoo.metrics.distances import Moments, moments

BATCH = 100  # Inception holds some GB at more
IN_MEMORY = 64 * 2**20  # bytes; more is memory-mapped
LAYOUT = 1  # part of every key: raise it when what is written changes


def slices(count, size=BATCH):
    """Slices of `size` rows, the last one shorter, that cover `count`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def room(rows, columns):
    """An empty float32 [rows, columns]: in memory, or where that is much in a file that goes with the array."""
    if rows * columns * 4 <= IN_MEMORY:
        return np.empty([rows, columns], np.float32)
    return np.memmap(tempfile.TemporaryFile(), np.float32, "w+", shape=(rows, columns))


def embedded(network, batches, count):
    """(features [count, D], logits [count, K]) of a `FeatureNetwork`, float32.

    Args:
        batches: iterable of uint8 images [B, H, W, C], `count` in all.
    """
    features, logits = room(count, network.dimension), room(count, network.classes)
    start = 0
    for images in batches:
        here = slice(start, start + len(images))
        features[here], logits[here] = network.embed(images, min(BATCH, count))
        start = here.stop
    return features, logits


class FeatureCache:
    """Features of data sets, kept in a folder under a hash of the images, the network and its input's resizing.

    A file that is being made is called `*.partial.npy`, and one that a crash left is gone on with. Of two processes that
    want the same features one waits for the other. Everything in the folder can be deleted.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def path(self, network, source, numbers):
        """Where the features of these examples are kept."""
        facts = [LAYOUT, network.name, network.sha256, network.resizing, source.fingerprint(), tf.__version__]
        digest = hashlib.sha256(json.dumps(facts).encode() + np.asarray(numbers, "<i8").tobytes()).hexdigest()
        return self.folder / f"features-{digest[:24]}.npy"

    def features(self, network, source, numbers, watch):
        """float32 [len(numbers), D], memory-mapped, of those examples of a source.

        Args:
            watch: function (list, text) -> the same list, telling of progress through it.
        """
        whole = self.path(network, source, numbers)
        if not whole.exists():
            with self.locked(whole) as writable:
                if not writable:
                    batches = (source.images[numbers[here]] for here in slices(len(numbers)))
                    return embedded(network, batches, len(numbers))[0]
                if not whole.exists():
                    self.make(whole, network, source.images, numbers, watch)
        return np.load(whole, mmap_mode="r")

    def moments(self, network, source, numbers, features):
        """The `Moments` of `features`, those of these examples."""
        path = self.path(network, source, numbers).with_suffix(".moments.npz")
        if path.exists():
            with np.load(path) as kept:
                return Moments(kept["mean"], kept["covariance"], int(kept["count"]))
        found = moments(features)
        with self.locked(path) as writable:
            if writable:
                beside = path.with_suffix(".tmp.npz")
                np.savez(beside, mean=found.mean, covariance=found.covariance, count=found.count)
                os.replace(beside, path)
        return found

    @contextlib.contextmanager
    def locked(self, path):
        """Holds the lock of a file in the folder, which is made. False, with a warning, where that cannot be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            held = open(path.with_suffix(".lock"), "w")  # noqa: SIM115
        except OSError as error:
            warnings.warn(
                f"features are not kept, and are computed anew each time: {error}; name a folder that can be written:"
                " --set data.cache_dir.",
                stacklevel=2,
            )
            yield False
            return
        with held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield True

    def make(self, whole, network, images, numbers, watch):
        partial, count = whole.with_suffix(".partial.npy"), len(numbers)
        rows = whole.with_suffix(".rows")
        done = int(rows.read_text()) if rows.exists() and partial.exists() else 0
        mode, shape = ("r+" if done else "w+"), (count, network.dimension)
        features = np.lib.format.open_memmap(partial, mode, np.float32, shape)
        left = [here for here in slices(count) if here.start >= done]
        for here in watch(left, f"Features of {count:,} real images"):
            features[here] = network.features(images[numbers[here]], min(BATCH, count))
            features.flush()
            beside = rows.with_suffix(".rows.tmp")
            beside.write_text(str(here.stop))
            os.replace(beside, rows)
        os.replace(partial, whole)
        rows.unlink(missing_ok=True)
