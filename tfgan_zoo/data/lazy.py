"""Images that are read or computed when they are asked for: an array by its looks, a file or a function behind them."""

import numpy as np


class LazyImages:
    """uint8 images by index. A subclass gives `take` and `at`.

    Indexed by a whole number, a slice, or a list or array of whole numbers or booleans, along the first axis alone;
    `np.asarray` takes all of them into memory.

    Attributes:
        shape: (N, height, width, channels).
        fingerprint: what `Source.fingerprint` would compute of these images and their labels, where it is known.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4
    fingerprint = None

    def __init__(self, shape):
        self.shape = tuple(shape)

    def take(self, numbers):
        """int64 [M] in 0..N-1 -> uint8 [M, height, width, channels], which is the caller's own."""
        raise NotImplementedError

    def at(self, resolution):
        """The same images, `resolution` pixels high and wide, as an array or lazily. ZooError where there are none."""
        raise NotImplementedError

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        if isinstance(key, slice):
            return self.take(np.arange(*key.indices(len(self))))
        numbers = np.asarray(None if isinstance(key, tuple) else key)
        if numbers.dtype == bool and numbers.shape == (len(self),):
            numbers = np.flatnonzero(numbers)
        if numbers.size == 0 and numbers.ndim == 1:
            return self.take(np.empty(0, np.int64))
        if numbers.ndim > 1 or numbers.dtype.kind not in "iu":
            raise IndexError(f"images are indexed by whole numbers along their first axis, not by {key!r}")
        if not -len(self) <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"there are {len(self)} images, and {numbers.min()} to {numbers.max()} came")
        taken = self.take(np.atleast_1d(numbers).astype(np.int64) % len(self))
        return taken[0] if numbers.ndim == 0 else taken

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("these images aren't held in memory, so that an array of them is a copy")
        return self.take(np.arange(len(self))).astype(dtype or self.dtype, copy=False)
