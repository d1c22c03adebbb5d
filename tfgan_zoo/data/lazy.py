"""Array-like images that are read or computed on access, from a file or by a function."""

from typing import Any

import numpy as np


class LazyImages:
    """uint8 images by index. A subclass defines `take` and `at`.

    Indexed along the first axis only, by an integer, a slice, or a list or array of integers or booleans; `np.asarray` loads
    all of them into memory.

    Attributes:
        shape: (N, height, width, channels).
        fingerprint: what `Source.fingerprint` would compute for these images and their labels, if known.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4
    fingerprint: str | None = None

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """int64 [M] in 0..N-1 -> uint8 [M, height, width, channels], a copy that the caller may change."""
        raise NotImplementedError

    def at(self, resolution: int) -> "np.ndarray | LazyImages":
        """The same images, `resolution` pixels high and wide, as an array or lazily. Raises `ZooError` if unavailable."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, slice):
            return self.take(np.arange(*key.indices(len(self))))
        numbers = np.asarray(None if isinstance(key, tuple) else key)
        if numbers.dtype == bool and numbers.shape == (len(self),):
            numbers = np.flatnonzero(numbers)
        if numbers.size == 0 and numbers.ndim == 1:
            return self.take(np.empty(0, np.int64))
        if numbers.ndim > 1 or numbers.dtype.kind not in "iu":
            raise IndexError(f"images are indexed by integers along their first axis; got {key!r}")
        if not -len(self) <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"indices {numbers.min()} to {numbers.max()} are out of range for {len(self)} images")
        taken = self.take(np.atleast_1d(numbers).astype(np.int64) % len(self))
        return taken[0] if numbers.ndim == 0 else taken

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("these images are not in memory, so an array of them has to be a copy")
        return self.take(np.arange(len(self))).astype(dtype or self.dtype, copy=False)
