"""Structural similarity of images, at one scale and at several, and the diversity of a class measured by it.

SSIM: Wang, Bovik, Sheikh and Simoncelli 2004. MS-SSIM: Wang, Simoncelli and Bovik 2003. Classes: Odena et al. 2016
(arXiv:1610.09585). All in NumPy float64, of uint8 images; as in the authors' code, windows lie inside the image ("valid").

Deviation: an image too small for the paper's five scales is compared at as many as hold a window, with their weights rescaled
to the sum 1; `scales_of` lists them. The value then differs from that of the same pictures at a larger size.
"""

import dataclasses
import math
import typing
from collections.abc import Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError

WINDOW = 11  # pixels per side, a Gaussian of standard deviation SIGMA
SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
BLOCK = 2**21  # values of an array of images processed at a time: 16 MiB in float64


class Scale(typing.NamedTuple):
    """A size in pixels at which images are compared, and the exponent of the result."""

    height: int
    width: int
    weight: float


@dataclasses.dataclass(frozen=True)
class ClassSimilarity:
    """classes: int [K], those present, ascending; values: for each of them, MS-SSIM of its pairs, float64 [pairs]."""

    classes: np.ndarray
    values: list[np.ndarray]

    @property
    def means(self) -> np.ndarray:
        """float64 [K]: the mean of each class. Near 1 its images are nearly identical; a low mean is diverse."""
        return np.array([values.mean() for values in self.values])


def checked_images(images: np.ndarray, score: str) -> np.ndarray:
    """The images as an array. Raises `ZooError`, which names `score`, if they are not uint8 [N, H, W, C], not empty."""
    images = np.asarray(images)
    if images.ndim != 4 or not images.size:
        raise ZooError(f"{score} got an array of shape {images.shape}; expected one or more images [N, H, W, C].")
    if images.dtype != np.uint8:
        raise ZooError(f"{score} got {images.dtype} images; expected uint8 in 0..255: round (x + 1) * 127.5.")
    return images


def scales_of(image_shape: Sequence[int]) -> tuple[Scale, ...]:
    """The `Scale`s at which `ms_ssim` compares images of a shape (H, W, C), finest first: one to five.

    Sides are halved, rounding up, while both hold the window of 11 pixels; weights sum to 1 (the five published ones to
    1.0001). Raises `ZooError` for a side below 11.
    """
    height, width = image_shape[:2]
    if min(height, width) < WINDOW:
        raise ZooError(f"images of {height}x{width}; structural similarity needs at least {WINDOW} pixels per side.")
    sizes: list[tuple[int, int]] = []
    while min(height, width) >= WINDOW and len(sizes) < len(WEIGHTS):
        sizes.append((height, width))
        height, width = (height + 1) // 2, (width + 1) // 2
    total = sum(WEIGHTS[: len(sizes)])
    return tuple(Scale(*size, weight / total) for size, weight in zip(sizes, WEIGHTS, strict=False))


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """SSIM of each pair of images, averaged over channels: float64 [N] in [-1, 1]; 1 for equal images.

    a, b: uint8 [N, H, W, C]. Raises `ZooError` for other arrays, for different shapes, and for a side below 11.

    Examples:
        Constant images have no contrast, so only their luminances count:

        >>> import numpy as np
        >>> from tfgan_zoo.metrics import ssim
        >>> gray, light = (np.full([1, 16, 16, 1], value, np.uint8) for value in (100, 200))
        >>> ssim(gray, gray).tolist()
        [1.0]
        >>> c1 = (0.01 * 255) ** 2
        >>> bool(np.isclose(ssim(gray, light)[0], (2 * 100 * 200 + c1) / (100**2 + 200**2 + c1)))
        True
    """
    return _in_blocks(lambda a, b: _similarity(a, b)[0].mean(axis=1), a, b)


def ms_ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multi-scale SSIM of each pair of images, float64 [N] in [0, 1]; 1 for equal images.

    For each channel, the product over scales s of contrast_s^weight_s, with SSIM in place of the contrast at the coarsest
    scale; then the mean over channels. Images are halved by means of 2x2 pixels, repeating an odd last row or column.
    Negative terms, which have no real power, count as 0. Arguments and errors are as for `ssim`.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import ms_ssim
        >>> noise = np.random.default_rng(0).integers(0, 256, [2, 32, 32, 1], np.uint8)
        >>> ms_ssim(noise[:1], noise[:1]).tolist()
        [1.0]
        >>> bool(ms_ssim(noise[:1], noise[1:])[0] < 0.2)
        True
    """
    return _in_blocks(_multi_scale, a, b)


def class_similarity(
    images: np.ndarray, labels: np.ndarray | None = None, pairs: int = 100, seed: int = 0
) -> ClassSimilarity:
    """The `ClassSimilarity` of random pairs of different images within each class, as in Odena et al.

    Args:
        images: uint8 [N, H, W, C].
        labels: int [N]; None puts all images into one class, 0.
        pairs: number of pairs per class, without repetition; a class with fewer pairs gives all of them.
        seed: of the pairs.

    Raises:
        ZooError: `ms_ssim` does not take the images, the labels are not as described, pairs < 1, or a class has one image.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.metrics import class_similarity
        >>> images = np.random.default_rng(0).integers(0, 256, [4, 16, 16, 1], np.uint8)
        >>> images[1] = images[0]  # class 0 has collapsed
        >>> means = class_similarity(images, np.array([0, 0, 1, 1])).means
        >>> float(means[0]), bool(means[1] < 0.2)
        (1.0, True)
    """
    images = checked_images(images, "class_similarity")
    labels = np.zeros(len(images), np.int64) if labels is None else np.asarray(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ZooError(
            f"{len(images)} images with labels of shape {labels.shape}, {labels.dtype}; expected one integer each."
        )
    if pairs < 1:
        raise ZooError(f"pairs={pairs}; expected at least 1.")
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        single = ", ".join(map(str, classes[counts < 2]))
        raise ZooError(
            f"class {single}: a single image among {len(images):,}, but a pair takes two; add more, or leave the class out."
        )
    random, step = np.random.default_rng(seed), max(1, BLOCK // images[0].size)
    values = []
    for label in classes:
        first, second = np.flatnonzero(labels == label)[_random_pairs(random, (labels == label).sum(), pairs)]
        blocks = [slice(start, start + step) for start in range(0, len(first), step)]
        values.append(np.concatenate([ms_ssim(images[first[block]], images[second[block]]) for block in blocks]))
    return ClassSimilarity(classes.astype(np.int64), values)


def _random_pairs(random, count, pairs):
    """int [2, pairs or fewer] of different pairs i < j of `count` items: pair number j (j - 1) / 2 + i."""
    available = int(count) * (int(count) - 1) // 2
    numbers = random.choice(available, min(pairs, available), replace=False)
    second = np.array([(1 + math.isqrt(8 * int(number) + 1)) // 2 for number in numbers])
    return np.stack([numbers - second * (second - 1) // 2, second])


def _in_blocks(function, a, b):
    """function(a, b) -> [B], of float64 images, concatenated over blocks of the uint8 ones, which are checked."""
    a, b = (checked_images(images, "structural similarity") for images in (a, b))
    if a.shape != b.shape:
        raise ZooError(
            f"images of shapes {a.shape} and {b.shape}; structural similarity needs pairs of the same shape."
        )
    scales_of(a.shape[1:])
    step = max(1, BLOCK // a[0].size)
    blocks = [slice(start, start + step) for start in range(0, len(a), step)]
    return np.concatenate([function(*(x[block].astype(np.float64) for x in (a, b))) for block in blocks])


def _multi_scale(a, b):
    """MS-SSIM [B] of float64 images [B, H, W, C]."""
    product, scales = 1.0, scales_of(a.shape[1:])
    for number, scale in enumerate(scales, 1):
        similarity, contrast = _similarity(a, b)
        term = similarity if number == len(scales) else contrast
        product = product * np.maximum(term, 0) ** scale.weight
        a, b = _halved(a), _halved(b)
    return product.mean(axis=1)


def _similarity(a, b):
    """(SSIM, its contrast and structure term), each [B, C] in [-1, 1], of float64 images [B, H, W, C]."""
    mean_a, mean_b = _windowed(a), _windowed(b)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    contrast = (2 * (_windowed(a * b) - product) + C2) / (_windowed(a**2 + b**2) - squares + C2)
    luminance = (2 * product + C1) / (squares + C1)
    return (luminance * contrast).mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def _windowed(images):
    """The Gaussian mean over every window, [B, H - 10, W - 10, C]."""
    from scipy.ndimage import correlate1d  # imported on use, since it is slow to import

    margin = WINDOW // 2
    bell = np.exp(-(np.arange(-margin, margin + 1) ** 2) / (2 * SIGMA**2))
    bell /= bell.sum()
    rows = correlate1d(images, bell, axis=1)[:, margin:-margin]
    return correlate1d(rows, bell, axis=2)[:, :, margin:-margin]


def _halved(images):
    """Means of 2x2 pixels; an odd side is rounded up, its last pixels repeated."""
    _, height, width, _ = images.shape
    even = np.pad(images, [(0, 0), (0, height % 2), (0, width % 2), (0, 0)], mode="edge")
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4
