"""Sliced Wasserstein distance between patches of two sets of images, at each level of their Laplacian pyramids.

Karras et al. 2018 (arXiv:1710.10196), section 5: low at a level if the patches of that scale have similar distributions, from
the coarse shapes at 16 pixels to the texture at full size. Reported times 1,000, as there. NumPy and SciPy, float32 for large
arrays of patches. Deviations from the authors' code: sides may be odd or differ (halves are rounded up), any number of channels
is allowed, and a channel that never varies counts as 0, where theirs divides 0 by 0.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.metrics.structural_similarity import checked_images

PATCH = 7  # pixels per side
COARSEST = 16  # the smaller side is halved while it stays at least this
KERNEL = np.array([1, 4, 6, 4, 1]) / 16  # along rows, then along columns: the 5x5 binomial kernel
IMAGES_AT_ONCE = 256
ROWS_AT_ONCE = 2**14  # descriptors normalised or projected at a time
SORTED_BYTES = 2**27  # of projections of one set sorted at a time


def level_sizes(image_shape: Sequence[int]) -> dict[str, tuple[int, int]]:
    """{name: (height, width)} of the pyramid of images (H, W, C), finest first.

    Sides are halved, rounding up, while the smaller one stays at least 16; smaller images have one level. A level is named
    by its side, "32", or "32x48" (height, width) if they differ. Raises `ZooError` for a side below 7.
    """
    size = tuple(image_shape[:2])
    if min(size) < PATCH:
        raise ZooError(f"images of {size[0]}x{size[1]}; expected at least {PATCH}x{PATCH}, the size of a patch.")
    sizes = [size]
    while min(size := tuple((side + 1) // 2 for side in size)) >= COARSEST:
        sizes.append(size)
    return {str(h) if h == w else f"{h}x{w}": (h, w) for h, w in sizes}


class PatchDescriptors:
    """7x7 patches at random positions of every level of `count` images, normalised, in a temporary file.

    A descriptor is one patch, float32 [C * 49]. Once all images are added, each channel of each level is normalised to mean 0
    and standard deviation 1 over the set. The file takes about count * patches * C * 49 * 4 * (number of levels) bytes and is
    deleted by `close()` or at the end of a `with`. Positions are drawn in the order of the images, however these are batched:
    for level number l by `default_rng((seed, l))`.

    Args:
        image_shape: (H, W, C).
        count: total number of images.
        patches: number of patches per image and level.
        seed: of the positions.

    Raises:
        ZooError: a side is below 7, count or patches below 1, or there is too little space for temporary files.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import PatchDescriptors
        >>> with PatchDescriptors((32, 32, 1), count=3, patches=5) as descriptors:
        ...     descriptors.update(np.random.default_rng(0).integers(0, 256, [3, 32, 32, 1], np.uint8))
        ...     {name: descriptors.level(name).shape for name in descriptors.sizes}
        {'32': (15, 49), '16': (15, 49)}
    """

    def __init__(self, image_shape: Sequence[int], count: int, patches: int = 128, seed: int = 0) -> None:
        if count < 1 or patches < 1:
            raise ZooError(f"count={count}, patches={patches}; expected at least 1 image and 1 patch.")
        self.image_shape, self.count, self.patches, self.filled = tuple(image_shape), count, patches, 0
        self.sizes = level_sizes(image_shape)
        self._randoms = [np.random.default_rng((seed, number)) for number in range(len(self.sizes))]
        shape = (count * patches, self.image_shape[2] * PATCH**2)
        # A memory-mapped file that fills its disk kills the process without a message, so check beforehand.
        folder, needed = tempfile.gettempdir(), 4 * shape[0] * shape[1] * len(self.sizes)
        if (free := shutil.disk_usage(folder).free) < needed:
            raise ZooError(
                f"patches of {count} images take {needed / 2**30:.1f} GiB, and {folder} has {free / 2**30:.1f} GiB free;"
                " use fewer images, or set the environment variable TMPDIR to another folder."
            )
        self._files = contextlib.ExitStack()
        self._levels: dict[str, np.ndarray] = {}
        for name in self.sizes:
            file = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
            self._levels[name] = np.memmap(file, np.float32, "w+", shape=shape)

    def __enter__(self) -> "PatchDescriptors":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes the descriptors."""
        self._levels = {}
        self._files.close()

    def update(self, images: np.ndarray) -> None:
        """Adds images, uint8 [B, H, W, C], any B. Raises `ZooError` for other arrays, and for more than `count` images."""
        images = checked_images(images, "sliced Wasserstein distance")
        if images.shape[1:] != self.image_shape:
            raise ZooError(f"images of shape {images.shape[1:]}; expected {self.image_shape}, the image_shape.")
        if self.filled + len(images) > self.count or not self._levels:
            raise ZooError(
                f"{len(images)} images after {self.filled}, but {self.count if self._levels else 'none'} fit;"
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

    def level(self, name: str) -> np.ndarray:
        """The normalised descriptors of a level, float32 [count * patches, C * 49]. Raises `ZooError` before all are added."""
        if self.filled < self.count or not self._levels:
            state = f"hold {self.filled} of {self.count} images" if self._levels else "are closed"
            raise ZooError(f"the descriptors {state}; compare them after adding all images, and before closing them.")
        return self._levels[name]


def sliced_wasserstein(
    real: PatchDescriptors, fake: PatchDescriptors, projections: int = 512, seed: int = 0
) -> dict[str, float]:
    """{level: distance * 1000} between two filled `PatchDescriptors`, of equally many images of the same shape.

    The mean over random unit directions of the Wasserstein distance between the descriptors projected on them, which is the
    mean absolute difference of the sorted projections. Directions, different ones for each level, are normalised rows of
    `default_rng(seed).normal`. Raises `ZooError` for sets that do not match, or no projections.
    """
    if projections < 1:
        raise ZooError(f"projections={projections}; expected at least 1.")
    kinds = [f"{x.patches} patches of {x.count} images of shape {x.image_shape}" for x in (real, fake)]
    if kinds[0] != kinds[1]:
        raise ZooError(f"real descriptors are of {kinds[0]}, fake ones of {kinds[1]}; expected the same.")
    return {
        name: 1000 * _distance(real.level(name), fake.level(name), directions)
        for name, directions in directions_by_level(real, projections, seed)
    }


def directions_by_level(descriptors: PatchDescriptors, projections: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (level, unit rows, float32 [projections, C * 49]) for each level of `PatchDescriptors`, finest first."""
    random = np.random.default_rng(seed)
    for name in descriptors.sizes:
        directions = random.normal(size=(projections, descriptors.level(name).shape[1]))
        yield name, (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)


def sliced_wasserstein_distance(
    real_images: np.ndarray, fake_images: np.ndarray, patches: int = 128, projections: int = 512, seed: int = 0
) -> dict[str, float]:
    """`sliced_wasserstein` of two arrays of equally many images, uint8 [N, H, W, C]. The paper takes N = 16,384.

    Patches are cut at the same random positions of both, so a set has distance 0 from itself. Raises `ZooError` for arrays
    of different shapes, and as `PatchDescriptors` and `sliced_wasserstein` do.

    Examples:
        Images have distance 0 from themselves, and noise is far from a constant:

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import sliced_wasserstein_distance
        >>> images = np.random.default_rng(0).integers(0, 200, [8, 32, 32, 1], np.uint8)
        >>> sliced_wasserstein_distance(images, images, projections=16)
        {'32': 0.0, '16': 0.0}
        >>> constant = np.full_like(images, 99)
        >>> sliced_wasserstein_distance(images, constant, projections=16)["32"] > 500
        True
    """
    real_images, fake_images = (checked_images(x, "sliced Wasserstein distance") for x in (real_images, fake_images))
    if real_images.shape != fake_images.shape:
        raise ZooError(
            f"real images of shape {real_images.shape}, fake ones of {fake_images.shape}; expected the same shape and"
            " number."
        )
    count, shape = len(real_images), real_images.shape[1:]
    with PatchDescriptors(shape, count, patches, seed) as real, PatchDescriptors(shape, count, patches, seed) as fake:
        real.update(real_images)
        fake.update(fake_images)
        return sliced_wasserstein(real, fake, projections, seed)


def laplacian_pyramid(images: np.ndarray, sizes: Iterable[tuple[int, int]]) -> list[np.ndarray]:
    """[what each level adds to the next coarser one, ..., the coarsest], float32, of images [B, H, W, C] and level sizes."""
    levels = [images]
    for size in list(sizes)[:-1]:
        levels.append(_halved(levels[-1]))
        levels[-2] = levels[-2] - _doubled(levels[-1], size)
    return levels


def _halved(images):
    """Blurred, every second pixel of every second row: [B, H / 2, W / 2, C], sides rounded up."""
    from scipy.ndimage import correlate1d  # imported on use, since it is slow to import

    rows = correlate1d(images, KERNEL, axis=1, mode="mirror")[:, ::2]
    return correlate1d(rows, KERNEL, axis=2, mode="mirror")[:, :, ::2]


def _doubled(images, size):
    """Upsampled to a size (height, width) with zeros between, then blurred; times 4 to compensate for the zeros."""
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
    """Normalises each channel of float32 [rows, C, 49] to mean 0 and standard deviation 1 in place, with float64 sums."""
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


def projections_on(descriptors: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The projections of descriptors [N, D] on directions [P, D]: float32 [P, N]."""
    projected = np.empty([len(directions), len(descriptors)], np.float32)
    for start in range(0, len(descriptors), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        np.matmul(directions, descriptors[block].T, out=projected[:, block])
    return projected
