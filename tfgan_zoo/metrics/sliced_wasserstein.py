"""Sliced Wasserstein distance between patches of two sets of images, level by level of their Laplacian pyramids.

Karras et al. 2018 (arXiv:1710.10196), section 5: low at a level where the patches of that scale are distributed alike,
from the coarse shapes at 16 pixels to the texture at full size. Reported times 1,000, as there. NumPy and SciPy, float32
where patches are many. Deviations from the authors' code: sides may be odd or differ (halves are rounded up), any number of
channels will do, and a channel that never varies counts as 0, where theirs divides 0 by 0.
"""

import contextlib
import shutil
import tempfile

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.ssim import checked_images

PATCH = 7  # pixels a side
COARSEST = 16  # pixels that the smaller side of a halved image keeps
KERNEL = np.array([1, 4, 6, 4, 1]) / 16  # along rows, then along columns: the 5x5 binomial kernel
IMAGES_AT_ONCE = 256
ROWS_AT_ONCE = 2**14  # descriptors that are normalised or projected at once
SORTED_BYTES = 2**27  # of projections of one set, held and sorted at once


def level_sizes(image_shape):
    """{name: (height, width)} of the pyramid of images (H, W, C), finest first.

    Sides halve, rounded up, while the smaller one stays 16 or more; images smaller than that have one level. A level is
    named by its side, "32", or "32x48" (height, width) where they differ. Raises `ZooError` for a side below 7.
    """
    size = tuple(image_shape[:2])
    if min(size) < PATCH:
        raise ZooError(f"images of {size[0]}x{size[1]}; patches are {PATCH}x{PATCH}, expected {PATCH} pixels or more.")
    sizes = [size]
    while min(size := tuple((side + 1) // 2 for side in size)) >= COARSEST:
        sizes.append(size)
    return {str(h) if h == w else f"{h}x{w}": (h, w) for h, w in sizes}


class PatchDescriptors:
    """7x7 patches at random places of every level of `count` images, normalised; in a temporary file, not in memory.

    A descriptor is one patch, float32 [C * 49]. When all images are in, each channel of each level is brought to mean 0 and
    standard deviation 1 over the set. The file takes about count * patches * C * 49 * 4 * (number of levels) bytes and goes
    with `close()` or at the end of a `with`. Places are drawn by the seed, in the order of the images, however these are
    batched: for level number l by `default_rng((seed, l))`.

    Args:
        image_shape: (H, W, C).
        count: how many images will come.
        patches: how many patches of each image and level.

    Raises `ZooError` for a side below 7, a count or patches below 1, or too little room for temporary files.
    """

    def __init__(self, image_shape, count, patches=128, seed=0):
        if count < 1 or patches < 1:
            raise ZooError(f"count={count}, patches={patches}; expected 1 image and 1 patch or more.")
        self.image_shape, self.count, self.patches, self.filled = tuple(image_shape), count, patches, 0
        self.sizes = level_sizes(image_shape)
        self._randoms = [np.random.default_rng((seed, number)) for number in range(len(self.sizes))]
        shape = (count * patches, self.image_shape[2] * PATCH**2)
        # A mapped file that outgrows its disk ends the process without a word, hence the look beforehand.
        folder, needed = tempfile.gettempdir(), 4 * shape[0] * shape[1] * len(self.sizes)
        if (free := shutil.disk_usage(folder).free) < needed:
            raise ZooError(
                f"patches of {count} images take {needed / 2**30:.1f} GiB, and {folder} has {free / 2**30:.1f} GiB free;"
                " use fewer images, or name another folder by the environment variable TMPDIR."
            )
        self._files, self._levels = contextlib.ExitStack(), {}
        for name in self.sizes:
            file = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
            self._levels[name] = np.memmap(file, np.float32, "w+", shape=shape)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Deletes the descriptors."""
        self._levels = {}
        self._files.close()

    def update(self, images):
        """Takes in images, uint8 [B, H, W, C], any B. Raises `ZooError` for others, and for more than there is room for."""
        images = checked_images(images, "sliced Wasserstein distance")
        if images.shape[1:] != self.image_shape:
            raise ZooError(f"images of shape {images.shape[1:]}; expected {self.image_shape}, as announced.")
        if self.filled + len(images) > self.count or not self._levels:
            raise ZooError(
                f"{len(images)} images after {self.filled}, where {self.count if self._levels else 'none'} fit;"
                " make new descriptors with a larger count."
            )
        for start in range(0, len(images), IMAGES_AT_ONCE):
            batch = images[start : start + IMAGES_AT_ONCE]
            rows = slice(self.filled * self.patches, (self.filled + len(batch)) * self.patches)
            levels = laplacian_pyramid(batch.astype(np.float32), self.sizes.values())
            for level, random, descriptors in zip(levels, self._randoms, self._levels.values(), strict=True):
                descriptors[rows] = _random_patches(level, self.patches, random)
            self.filled += len(batch)
        if self.filled == self.count:
            for descriptors in self._levels.values():
                _normalise(descriptors.reshape(-1, self.image_shape[2], PATCH**2))

    def level(self, name):
        """The normalised descriptors of a level, float32 [count * patches, C * 49]. Raises `ZooError` before all are in."""
        if self.filled < self.count or not self._levels:
            state = f"hold {self.filled} of {self.count} images" if self._levels else "are closed"
            raise ZooError(f"the descriptors {state}; compare them when all images are in, and before closing them.")
        return self._levels[name]


def sliced_wasserstein(real, fake, projections=512, seed=0):
    """{level: distance * 1000} between two filled `PatchDescriptors`, of images of one shape, as many of each.

    The mean over random directions of length 1 of the Wasserstein distance between the descriptors projected on them,
    which is the mean absolute difference of the sorted projections. Directions, other ones for each level, are rows of
    `default_rng(seed).normal` divided by their length. Raises `ZooError` for unlike sets, or no projections.
    """
    if projections < 1:
        raise ZooError(f"projections={projections}; expected 1 or more.")
    kinds = [f"{x.patches} patches of {x.count} images of shape {x.image_shape}" for x in (real, fake)]
    if kinds[0] != kinds[1]:
        raise ZooError(f"real descriptors are of {kinds[0]}, fake ones of {kinds[1]}; expected the same.")
    return {
        name: 1000 * _distance(real.level(name), fake.level(name), directions)
        for name, directions in directions_by_level(real, projections, seed)
    }


def directions_by_level(descriptors, projections, seed):
    """(level, float32 [projections, C * 49] of rows of length 1) of each level of `PatchDescriptors`, finest first."""
    random = np.random.default_rng(seed)
    for name in descriptors.sizes:
        directions = random.normal(size=(projections, descriptors.level(name).shape[1]))
        yield name, (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


def sliced_wasserstein_distance(real_images, fake_images, patches=128, projections=512, seed=0):
    """`sliced_wasserstein` of two arrays of as many images, uint8 [N, H, W, C]. The paper takes N = 16,384.

    Patches are cut at the same random places of both, so that a set is at distance 0 from itself. Raises `ZooError` for
    arrays of two shapes, and as `PatchDescriptors` and `sliced_wasserstein` do.
    """
    real_images, fake_images = (checked_images(x, "sliced Wasserstein distance") for x in (real_images, fake_images))
    if real_images.shape != fake_images.shape:
        raise ZooError(
            f"real images of shape {real_images.shape}, fake ones of {fake_images.shape}; expected the same shape, and"
            " as many of each."
        )
    count, shape = len(real_images), real_images.shape[1:]
    with PatchDescriptors(shape, count, patches, seed) as real, PatchDescriptors(shape, count, patches, seed) as fake:
        real.update(real_images)
        fake.update(fake_images)
        return sliced_wasserstein(real, fake, projections, seed)


def laplacian_pyramid(images, sizes):
    """[what each level adds to the next coarser one, ..., the coarsest], float32, of images [B, H, W, C] and level sizes."""
    levels = [images]
    for size in list(sizes)[:-1]:
        levels.append(_halved(levels[-1]))
        levels[-2] = levels[-2] - _doubled(levels[-1], size)
    return levels


def _halved(images):
    """Smoothed, every second pixel of every second row: [B, H / 2, W / 2, C], sides rounded up."""
    from scipy.ndimage import correlate1d  # not before it is needed: importing it takes a while

    rows = correlate1d(images, KERNEL, axis=1, mode="mirror")[:, ::2]
    return correlate1d(rows, KERNEL, axis=2, mode="mirror")[:, :, ::2]


def _doubled(images, size):
    """Spread out to a size (height, width), zeros between, then smoothed; times 4 to make up for the zeros."""
    from scipy.ndimage import correlate1d

    spread = np.zeros([len(images), *size, images.shape[3]], np.float32)
    spread[:, ::2, ::2] = images
    rows = correlate1d(spread, 2 * KERNEL, axis=1, mode="mirror")
    return correlate1d(rows, 2 * KERNEL, axis=2, mode="mirror")


def _random_patches(level, patches, random):
    """Patches of a level [B, H, W, C] as rows [B * patches, C * 49], channel by channel."""
    count, height, width, channels = level.shape
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH, PATCH), axis=(1, 2))
    corners = random.integers(0, [height - PATCH + 1, width - PATCH + 1], size=(count, patches, 2))
    return windows[np.arange(count)[:, None], corners[..., 0], corners[..., 1]].reshape(-1, channels * PATCH**2)


def _normalise(descriptors):
    """Brings each channel of float32 [rows, C, 49] to mean 0 and standard deviation 1 in place, by sums in float64."""
    blocks = [slice(start, start + ROWS_AT_ONCE) for start in range(0, len(descriptors), ROWS_AT_ONCE)]
    values = len(descriptors) * PATCH**2
    mean = sum(descriptors[block].sum(axis=(0, 2), dtype=np.float64) for block in blocks)[:, None] / values
    variance = sum(((descriptors[block] - mean) ** 2).sum(axis=(0, 2)) for block in blocks)[:, None] / values
    scale = np.where(variance > 0, np.sqrt(variance), 1)
    for block in blocks:
        descriptors[block] = (descriptors[block] - mean) / scale


def _distance(real, fake, directions):
    """Mean over directions [P, D] of the Wasserstein distance between real and fake [N, D] projected on each."""
    step, total = max(1, SORTED_BYTES // (4 * len(real))), 0.0
    for start in range(0, len(directions), step):
        gaps = _sorted_projections(real, directions[start : start + step])
        gaps -= _sorted_projections(fake, directions[start : start + step])
        total += np.abs(gaps, out=gaps).sum(dtype=np.float64)
    return float(total / (len(directions) * len(real)))


def _sorted_projections(descriptors, directions):
    """float32 [P, N], each row ascending."""
    projected = projections_on(descriptors, directions)
    projected.sort(axis=1)
    return projected


def projections_on(descriptors, directions):
    """Of descriptors [N, D] on directions [P, D]: float32 [P, N]."""
    projected = np.empty([len(directions), len(descriptors)], np.float32)
    for start in range(0, len(descriptors), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        np.matmul(directions, descriptors[block].T, out=projected[:, block])
    return projected
