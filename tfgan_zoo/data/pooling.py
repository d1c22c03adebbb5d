"""Smaller images as progressive growing sees them: means of 2 x 2 pixels, again and again, and rounded once.

Karras et al. 2017, arXiv:1710.10196: the real images of a stage are the full ones, average-pooled. The means are float32
and exact down to a 256th of the side (8 bits of a pixel and 2 for each halving are 24), so that a pixel of any level is
the mean of the pixels it stands for, rounded to the nearest whole number, half to even.
"""

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.lazy import LazyImages

CHUNK_VALUES = 2**22  # of the images pooled at a time, which bounds the memory for their floats


def halved(images):
    """float32 [..., H, W, C], H and W even -> [..., H/2, W/2, C], the means of 2 x 2."""
    top, bottom = images[..., 0::2, :, :], images[..., 1::2, :, :]
    rows = top + bottom
    return (rows[..., 0::2, :] + rows[..., 1::2, :]) * np.float32(0.25)


def levels(image, resolutions):
    """One image at several resolutions.

    Args:
        image: uint8 [S, S, C].
        resolutions: each S divided by a power of two.

    Returns:
        {resolution: uint8 [resolution, resolution, C]}.
    """
    found, means = {}, image
    while True:
        side = means.shape[0]
        if side in resolutions:
            found[side] = image if means is image else np.rint(means).astype(np.uint8)
        if side <= min(resolutions):
            return found
        means = halved(means.astype(np.float32, copy=False))


def pooled(images, resolution):
    """uint8 [N, S, S, C] -> uint8 [N, resolution, resolution, C]; S is the resolution times a power of two."""
    result = np.empty((len(images), resolution, resolution, images.shape[3]), np.uint8)
    step = max(1, CHUNK_VALUES // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        means = images[start : start + step].astype(np.float32)
        while means.shape[1] > resolution:
            means = halved(means)
        result[start : start + step] = np.rint(means)
    return result


def at_resolution(images, resolution):
    """The same images, average-pooled: at once where they are in memory, where they are mapped whenever they are read.

    Args:
        images: uint8 [N, H, W, C].
        resolution: H = W divided by a power of two.

    Raises:
        ZooError: no mean of 2 x 2 pixels leads there.
    """
    height, width = images.shape[1:3]
    reached = [height]
    while reached[-1] % 2 == 0:
        reached.append(reached[-1] // 2)
    if height != width or resolution not in reached:
        means = f", which means of 2 x 2 pixels bring to {', '.join(map(str, reached[1:])) or 'nothing'}"
        raise ZooError(
            f"the images are {height}x{width} (height x width){means if height == width else ', not square'}; "
            f"{resolution}x{resolution} came. Set data.resolution to it, times a power of two."
        )
    if isinstance(images, np.memmap):
        return PooledImages(images, resolution)
    return images if resolution == height else pooled(images, resolution)


class PooledImages(LazyImages):
    """Images that are pooled each time they are read; `images`: uint8 [N, S, S, C], memory-mapped."""

    def __init__(self, images, resolution):
        super().__init__((len(images), resolution, resolution, images.shape[3]))
        self.images = images

    def take(self, numbers):
        return pooled(self.images[numbers], self.shape[1])

    def at(self, resolution):
        return at_resolution(self.images, resolution)
