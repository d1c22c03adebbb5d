"""Data sources: whatever `data.source` names becomes random-access arrays, so the order of examples is a pure function.

A source is written `KIND` or `KIND:ARGUMENT`. `LOADERS` maps each kind to `load(argument, settings)`, which returns
(images, labels or None, class names); to add a kind, write one file with such a function and add a line to that table.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data import arrays, emoji, folder, mnist5k, pooling, pyramid, stacked, tfds, toy
from tfgan_zoo.data.labelled import labelled_examples
from tfgan_zoo.data.lazy import LazyImages

LOADERS: dict[str, Callable[[str, DataSettings], tuple[Any, np.ndarray | None, tuple[str, ...]]]] = {
    "mnist5k": mnist5k.load,
    "emoji": emoji.load,
    "arrays": arrays.load,
    "folder": folder.load,
    "tfds": tfds.load,
    "toy": toy.load,
    "stacked": stacked.load,
    "pyramid": pyramid.load,
}

FINGERPRINT_CHUNK = 16 * 2**20  # bytes hashed at a time, so that a memory-mapped source is never loaded as a whole


@dataclass(frozen=True, eq=False)
class Source:
    """Every example of a data set, by index.

    Attributes:
        name: the source as written in the recipe, such as "mnist5k" or "folder:/pictures".
        images: uint8 [N, height, width, channels], in memory, memory-mapped or `LazyImages`, which read only the requested
            rows; for toy data float32 points [N, 2].
        labels: int32 [N] in 0..classes - 1, or None.
        class_names: one per class; () if there are no labels.
        labelled: sorted int64 [M], the indices of the examples whose labels training may use; None for all.
    """

    name: str
    images: np.ndarray | LazyImages
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    labelled: np.ndarray | None = None

    @property
    def size(self) -> int:
        """The number of examples, N."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width, channels), or (2,) for points."""
        return tuple(self.images.shape[1:])

    @property
    def classes(self) -> int:
        """The number of classes, 0 if there are no labels."""
        return len(self.class_names)

    @property
    def points(self) -> bool:
        """Whether the examples are points in the plane rather than images."""
        return self.images.ndim == 2

    def at(self, resolution: int) -> "Source":
        """The same examples at another height and width.

        From a pyramid another level is read. Other images are average-pooled by repeated 2 x 2 means: at once if they are
        in memory, otherwise when they are read.

        Args:
            resolution: a level of the pyramid, or the images' own side divided by a power of two.

        Raises:
            ZooError: the source holds points, has no such level, or can't be halved to it.
        """
        if self.points:
            raise ZooError(f"{self.name} holds points, which have no resolution.")
        if self.image_shape[:2] == (resolution, resolution):
            return self
        if isinstance(self.images, np.ndarray):
            return replace(self, images=pooling.at_resolution(self.images, resolution))
        return replace(self, images=self.images.at(resolution))

    def fingerprint(self) -> str:
        """SHA-256 in hex of the shape and dtype, the bytes of the images and the labels, wherever they are stored.

        Computed once, since the images do not change.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
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


def load_source(settings: DataSettings) -> Source:
    """The `Source` that `settings` asks for.

    Args:
        settings: the recipe's data settings. Read here: `source`, `classes` (None: as many as there are),
            `labels_per_class` (None: all labels) and `label_seed`. Read by the loaders: `split`, `resolution` (None:
            unchanged; int: square; or (height, width)), `channels` (1, 3, 4 or None), `fit` ("pad", "crop" or "refuse",
            see `resizing`), `bad_files` ("refuse" or "skip"), `data_dir`, `download`, `cache_dir`, `memory_limit_mb`.

    Raises:
        ZooError: the source doesn't exist, can't be read, or doesn't match the settings.
    """
    kind, _, argument = settings.source.partition(":")
    if kind not in LOADERS:
        raise no_such("data source", kind, LOADERS)
    images, labels, class_names = LOADERS[kind](argument, settings)
    if settings.classes is not None and settings.classes != len(class_names):
        raise ZooError(
            f"data.classes={settings.classes}: {settings.source} has {len(class_names)} classes; "
            "correct it, or leave it out."
        )
    labelled = None
    if settings.labels_per_class is not None:
        labelled = labelled_examples(labels, class_names, settings.labels_per_class, settings.label_seed)
    return Source(settings.source, images, labels, class_names, labelled)
