"""Structural similarity of images, at one scale and at several, and the variety of a class by it.

SSIM: Wang, Bovik, Sheikh and Simoncelli 2004. MS-SSIM: Wang, Simoncelli and Bovik 2003. Classes: Odena et al. 2016
(arXiv:1610.09585). All in NumPy float64, of uint8 images; like the authors' code, windows lie inside the image ("valid").

Deviation: an image too small for the five scales of the paper is compared at as many as hold a window, whose weights are
scaled to the sum 1; `scales_of` says which. The value then differs from that of the same pictures at a larger size.
"""

import dataclasses
import math
import typing

import numpy as np

from tfgan_zoo.core.errors import ZooError

WINDOW = 11  # pixels a side, a Gaussian of standard deviation SIGMA
SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
BLOCK = 2**21  # values of an array of images that are worked on at once: 16 MiB in float64


class Scale(typing.NamedTuple):
    """A size in pixels at which images are compared, and the exponent of what is found there."""

    height: int
    width: int
    weight: float


@dataclasses.dataclass(frozen=True)
class ClassSimilarity:
    """classes: int [K], those there are, ascending; values: for each of them, MS-SSIM of its pairs, float64 [pairs]."""

    classes: np.ndarray
    values: list[np.ndarray]

    @property
    def means(self):
        """float64 [K]: the mean of each class. Near 1 its images are all alike; low is varied."""
        return np.array([values.mean() for values in self.values])


def checked_images(images, score):
    """The images as an array; `ZooError` where they are not uint8 [N, H, W, C] with N, H, W, C >= 1. score: who asks."""
    images = np.asarray(images)
    if images.ndim != 4 or not images.size:
        raise ZooError(f"{score} got an array of shape {images.shape}; expected images [N, H, W, C], one or more.")
    if images.dtype != np.uint8:
        raise ZooError(f"{score} got {images.dtype} images; expected uint8 in 0..255: round (x + 1) * 127.5.")
    return images


def scales_of(image_shape):
    """The `Scale`s at which `ms_ssim` compares images of a shape (H, W, C), finest first: one to five.

    Each side halves, rounded up, while both hold the window of 11 pixels; weights sum to 1 (the published five to
    1.0001). Raises `ZooError` for a side below 11.
    """
    height, width = image_shape[:2]
    if min(height, width) < WINDOW:
        raise ZooError(f"images of {height}x{width}; structural similarity needs {WINDOW} pixels a side or more.")
    sizes = []
    while min(height, width) >= WINDOW and len(sizes) < len(WEIGHTS):
        sizes.append((height, width))
        height, width = (height + 1) // 2, (width + 1) // 2
    total = sum(WEIGHTS[: len(sizes)])
    return tuple(Scale(*size, weight / total) for size, weight in zip(sizes, WEIGHTS, strict=False))


def ssim(a, b):
    """SSIM of each pair of images, float64 [N] in [-1, 1]; 1 where they are the same. Channels are averaged.

    a, b: uint8 [N, H, W, C]. Raises `ZooError` for other arrays, for two shapes, and for a side below 11.
    """
    return _in_blocks(lambda a, b: _similarity(a, b)[0].mean(axis=1), a, b)


def ms_ssim(a, b):
    """Multi-scale SSIM of each pair of images, float64 [N] in [0, 1]; 1 where they are the same.

    The product over scales s of contrast_s^weight_s, with SSIM in place of contrast at the coarsest, for each channel;
    then channels are averaged. Images are halved by means of 2x2 pixels, an odd last row or column being repeated.
    Terms below 0, which have no real power, count as 0. Takes and raises what `ssim` does.
    """
    return _in_blocks(_multi_scale, a, b)


def class_similarity(images, labels=None, pairs=100, seed=0):
    """The `ClassSimilarity` of random pairs of different images within each class, as Odena et al. take it.

    Args:
        images: uint8 [N, H, W, C].
        labels: int [N], or None where all images are one class, 0.
        pairs: how many for a class; no pair comes twice, and a class that has fewer gives all it has.

    Raises `ZooError` for what `ms_ssim` does not take, other labels, no pairs, and a class of one image.
    """
    images = checked_images(images, "class_similarity")
    labels = np.zeros(len(images), np.int64) if labels is None else np.asarray(labels)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ZooError(
            f"{len(images)} images with labels of shape {labels.shape}, {labels.dtype}; expected one whole number each."
        )
    if pairs < 1:
        raise ZooError(f"pairs={pairs}; expected 1 or more.")
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        lonely = ", ".join(map(str, classes[counts < 2]))
        raise ZooError(f"class {lonely}: one image, and a pair takes two; bring more images, or leave the class out.")
    random, values, step = np.random.default_rng(seed), [], max(1, BLOCK // images[0].size)
    for label in classes:
        first, second = np.flatnonzero(labels == label)[_random_pairs(random, (labels == label).sum(), pairs)]
        blocks = [slice(start, start + step) for start in range(0, len(first), step)]
        values.append(np.concatenate([ms_ssim(images[first[block]], images[second[block]]) for block in blocks]))
    return ClassSimilarity(classes.astype(np.int64), values)


def _random_pairs(random, count, pairs):
    """int [2, pairs or fewer] of different pairs i < j of `count` things: pair number j (j - 1) / 2 + i."""
    there = int(count) * (int(count) - 1) // 2
    numbers = random.choice(there, min(pairs, there), replace=False)
    second = np.array([(1 + math.isqrt(8 * int(number) + 1)) // 2 for number in numbers])
    return np.stack([numbers - second * (second - 1) // 2, second])


def _in_blocks(function, a, b):
    """function(a, b) -> [B], of float64 images, joined over blocks of the checked uint8 ones."""
    a, b = (checked_images(images, "structural similarity") for images in (a, b))
    if a.shape != b.shape:
        raise ZooError(f"images of shapes {a.shape} and {b.shape}; structural similarity takes pairs, of one shape.")
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
    """(SSIM, its contrast and structure alone), each [B, C] in [-1, 1], of float64 images [B, H, W, C]."""
    mean_a, mean_b = _windowed(a), _windowed(b)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    contrast = (2 * (_windowed(a * b) - product) + C2) / (_windowed(a**2 + b**2) - squares + C2)
    luminance = (2 * product + C1) / (squares + C1)
    return (luminance * contrast).mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def _windowed(images):
    """The Gaussian mean of every window, [B, H - 10, W - 10, C]."""
    from scipy.ndimage import correlate1d  # not before it is needed: importing it takes a while

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
