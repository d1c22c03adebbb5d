"""Downsampling for progressive growing: means of 2 x 2 pixels, repeated, and rounded once at the end.

Karras et al. 2017, arXiv:1710.10196: the real images of a stage are the full-size ones, average-pooled. The means are
float32 and exact down to a 256th of the side (8 bits of a pixel and 2 for each halving are 24), so a pixel of any level is
the mean of the pixels it covers, rounded to the nearest integer, half to even.
"""

from collections.abc import Collection

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.lazy import LazyImages

CHUNK_VALUES = 2**22  # values pooled at a time, which bounds the memory for their floats


def halved(images: np.ndarray) -> np.ndarray:
    """float32 [..., H, W, C], H and W even -> [..., H/2, W/2, C], the means of 2 x 2 pixels."""
    top, bottom = images[..., 0::2, :, :], images[..., 1::2, :, :]
    rows = top + bottom
    return (rows[..., 0::2, :] + rows[..., 1::2, :]) * np.float32(0.25)


def levels(image: np.ndarray, resolutions: Collection[int]) -> dict[int, np.ndarray]:
    """One image at several resolutions.

    Args:
        image: uint8 [S, S, C].
        resolutions: each is S divided by a power of two.

    Returns:
        {resolution: uint8 [resolution, resolution, C]}.
    """
    by_side, means = {}, image
    while True:
        side = means.shape[0]
        if side in resolutions:
            by_side[side] = image if means is image else np.rint(means).astype(np.uint8)
        if side <= min(resolutions):
            return by_side
        means = halved(means.astype(np.float32, copy=False))


def pooled(images: np.ndarray, resolution: int) -> np.ndarray:
    """uint8 [N, S, S, C] -> uint8 [N, resolution, resolution, C]; S is `resolution` times a power of two."""
    result = np.empty((len(images), resolution, resolution, images.shape[3]), np.uint8)
    step = max(1, CHUNK_VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        means = images[start : start + step].astype(np.float32)
        while means.shape[1] > resolution:
            means = halved(means)
        result[start : start + step] = np.rint(means)
    return result


def at_resolution(images: np.ndarray, resolution: int) -> np.ndarray | LazyImages:
    """The same images, average-pooled: at once if they are in memory, on every read if they are memory-mapped.

    Args:
        images: uint8 [N, H, W, C].
        resolution: H = W divided by a power of two.

    Raises:
        ZooError: the images are not square, or repeated halving does not reach `resolution`.
    """
    height, width = images.shape[1:3]
    reachable = [height]
    while reachable[-1] % 2 == 0:
        reachable.append(reachable[-1] // 2)
    if height != width or resolution not in reachable:
        halves = f", which can be halved to {', '.join(map(str, reachable[1:])) or 'nothing'}"
        raise ZooError(
            f"resolution {resolution}x{resolution}: the images are {height}x{width} (height x width)"
            f"{halves if height == width else ', not square'}; "
            f"set data.resolution to {resolution} times a power of two."
        )
    if isinstance(images, np.memmap):
        return PooledImages(images, resolution)
    return images if resolution == height else pooled(images, resolution)


class PooledImages(LazyImages):
    """Images that are pooled on every read. `images`: uint8 [N, S, S, C], memory-mapped."""

    def __init__(self, images: np.ndarray, resolution: int) -> None:
        super().__init__((len(images), resolution, resolution, images.shape[3]))
        self.images = images

    def take(self, numbers: np.ndarray) -> np.ndarray:
        return pooled(self.images[numbers], self.shape[1])

    def at(self, resolution: int) -> np.ndarray | LazyImages:
        return at_resolution(self.images, resolution)
