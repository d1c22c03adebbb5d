"""Data sources: whatever `data.source` names becomes random-access arrays, so the input order can be a pure function.

A source is written `KIND` or `KIND:ARGUMENT`. `LOADERS` maps each kind to `load(argument, settings)`, which returns
(images, labels or None, class names); a new kind is one file with such a function and one line in that table.
"""

import functools
import hashlib
from dataclasses import dataclass, replace

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.data import arrays, folder, mnist5k, pooling, pyramid, stacked, tfds, toy
from tfgan_zoo.data.labelled import labelled_examples
from tfgan_zoo.data.lazy import LazyImages

LOADERS = {
    "mnist5k": mnist5k.load,
    "arrays": arrays.load,
    "folder": folder.load,
    "tfds": tfds.load,
    "toy": toy.load,
    "stacked": stacked.load,
    "pyramid": pyramid.load,
}

FINGERPRINT_CHUNK = 16 * 2**20  # bytes hashed at a time, so that a memory-mapped source never comes into memory whole


@dataclass(frozen=True, eq=False)
class Source:
    """Every example of a data set, by index.

    Attributes:
        name: the source as the recipe writes it, such as "mnist5k" or "folder:/pictures".
        images: uint8 [N, height, width, channels], in memory, memory-mapped or `LazyImages`, which give the rows
            that are asked for; for toys float32 points [N, 2].
        labels: int32 [N] in 0..classes - 1, or None where there are none.
        class_names: one for each class; () where there are no labels.
        labelled: sorted int64 [M], the numbers of the examples whose labels training may use; None where all are.
    """

    name: str
    images: np.ndarray | LazyImages
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    labelled: np.ndarray | None = None

    @property
    def size(self):
        """The number of examples, N."""
        return len(self.images)

    @property
    def image_shape(self):
        """(height, width, channels), or (2,) for points."""
        return tuple(self.images.shape[1:])

    @property
    def classes(self):
        """The number of classes, 0 where there are no labels."""
        return len(self.class_names)

    @property
    def points(self):
        """True where the examples are points in the plane rather than images."""
        return self.images.ndim == 2

    def at(self, resolution):
        """The same examples at another height and width: a level of a pyramid, which is read and never computed, or the
        means of 2 x 2 pixels, taken again and again: now where the images are in memory, else when they are read.

        Args:
            resolution: a level that the pyramid has; or the images' own side divided by a power of two.

        Raises:
            ZooError: points; no such level; no means that lead there.
        """
        if self.points:
            raise ZooError(f"{self.name} holds points, which have no resolution.")
        if self.image_shape[:2] == (resolution, resolution):
            return self
        in_memory = isinstance(self.images, np.ndarray)
        return replace(
            self, images=pooling.at_resolution(self.images, resolution) if in_memory else self.images.at(resolution)
        )

    def fingerprint(self):
        """SHA-256, in hex, over the shape and dtype, the bytes of the images and the labels; where they lie, in memory
        or on disk, makes no difference. Taken once: the images do not change."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self):
        known = None if isinstance(self.images, np.ndarray) else self.images.fingerprint
        if known:
            return known
        digest = hashlib.sha256(f"{self.images.dtype.str} {self.images.shape}".encode())
        step = max(1, FINGERPRINT_CHUNK // max(1, self.images[:1].nbytes))
        for start in range(0, self.size, step):
            digest.update(np.ascontiguousarray(self.images[start : start + step]).data)
        if self.labels is not None:
            digest.update(b"labels" + self.labels.astype("<i4").tobytes())
        return digest.hexdigest()


def load_source(settings):
    """The `Source` that `settings` asks for.

    Args:
        settings: the recipe's data settings. Read here: `source`, `classes` (None: as many as there are),
            `labels_per_class` (None: all labels) and `label_seed`; the kinds read `split`, `resolution` (None: as it
            is; int: square; or (height, width)), `channels` (1, 3, 4 or None), `fit` ("pad", "crop" or "refuse", see
            `resizing`), `bad_files` ("refuse" or "skip"), `data_dir`, `download`, `cache_dir`, `memory_limit_mb`.

    Raises:
        ZooError: the source doesn't exist, can't be read, or doesn't fit the settings.
    """
    kind, _, argument = settings.source.partition(":")
    if kind not in LOADERS:
        raise no_such("data source", kind, LOADERS)
    images, labels, class_names = LOADERS[kind](argument, settings)
    if settings.classes is not None and settings.classes != len(class_names):
        raise ZooError(
            f"{settings.source} has {len(class_names)} classes, and data.classes={settings.classes} came; "
            "correct it, or leave it out."
        )
    labelled = None
    if settings.labels_per_class is not None:
        labelled = labelled_examples(labels, class_names, settings.labels_per_class, settings.label_seed)
    return Source(settings.source, images, labels, class_names, labelled)
