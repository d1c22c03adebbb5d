"""Writes image_scores.json: SSIM by scikit-image, MS-SSIM by piq, sliced Wasserstein distances by PyTorch and SciPy.

The tests need only the file, and draw the same images anew. To make it anew, in an environment of its own:

    python -m venv scores-environment
    scores-environment/bin/pip install numpy scipy scikit-image==0.26.0 piq==0.8.0 torch==2.14.1
    scores-environment/bin/python tests/references/make_image_scores.py

All in float64. By the name of a shape, "<H>x<W>x<C>", for `PAIRS` pairs of images of `random_images(seed, shape, PAIRS)`:
ssim and ms_ssim, [PAIRS] each. piq is told as many weights as there are scales. For sets of `IMAGES` images each:
sliced_wasserstein, a distance * 1000 for each level.
"""

import json
import pathlib

import numpy as np
import piq
import scipy.stats
import torch
from skimage.metrics import structural_similarity

PAIRS, IMAGES, PATCHES, DIRECTIONS = 4, 30, 16, 32
WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
SCALES = {(32, 32, 1): 2, (48, 64, 3): 3, (176, 192, 3): 5}
LEVELS = {(32, 32, 3): 2, (37, 70, 1): 2, (64, 64, 1): 3}


def random_images(seed, shape, count):
    """Two sets of uint8 images: coarse squares with fine noise, and the same with more noise and the other way round."""
    random = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = random.integers(40, 216, [count, -(-height // 8), -(-width // 8), channels])
    squares = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    a = squares + random.integers(-10, 11, squares.shape)
    b = a + random.integers(-30, 31, a.shape)
    b[0] = 255 - b[0]
    return a.astype(np.uint8), b.astype(np.uint8)


def tensor(images):
    return torch.from_numpy(images.astype(np.float64).transpose(0, 3, 1, 2).copy())


def similarities(a, b, scales):
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ssim = [structural_similarity(x, y, channel_axis=-1, **options) for x, y in zip(a, b, strict=True)]
    weights = torch.tensor(WEIGHTS[:scales], dtype=torch.float64)
    ms_ssim = piq.multi_scale_ssim(
        tensor(a), tensor(b), data_range=255, scale_weights=weights / weights.sum(), reduction="none"
    )
    return {"ssim": ssim, "ms_ssim": ms_ssim.tolist()}


def smoothed(images, gain):
    """images [N, 1, H, W] under the 5x5 binomial kernel, mirrored at the borders."""
    line = torch.tensor([1.0, 4, 6, 4, 1], dtype=torch.float64)
    kernel = gain * torch.outer(line, line)[None, None] / 256
    return torch.nn.functional.conv2d(torch.nn.functional.pad(images, (2, 2, 2, 2), mode="reflect"), kernel)


def pyramid(images, levels):
    """[N, C, h, w] of each level."""
    shape, found = images.shape, []
    current = images.flatten(0, 1)[:, None]
    for _ in range(levels - 1):
        coarser = smoothed(current, 1)[..., ::2, ::2]
        spread = torch.zeros_like(current)
        spread[..., ::2, ::2] = coarser
        found.append(current - smoothed(spread, 4))
        current = coarser
    return [level.unflatten(0, shape[:2])[:, :, 0].numpy() for level in [*found, current]]


def descriptors(level, number):
    """[N * PATCHES, C, 7, 7] normalised, of level [N, C, h, w]."""
    height, width = level.shape[2:]
    corners = np.random.default_rng((0, number)).integers(0, [height - 6, width - 6], size=(len(level), PATCHES, 2))
    patches = [
        image[:, y : y + 7, x : x + 7] for image, some in zip(level, corners, strict=True) for y, x in some.tolist()
    ]
    patches = np.stack(patches)
    mean, deviation = (f(patches, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.std))
    return ((patches - mean) / deviation).reshape(len(patches), -1)


def sliced_wasserstein(real, fake, levels):
    random, distances = np.random.default_rng(0), []
    for number, both in enumerate(zip(*(pyramid(tensor(x), levels) for x in (real, fake)), strict=True)):
        first, second = (descriptors(level, number) for level in both)
        directions = random.normal(size=(DIRECTIONS, first.shape[1]))
        directions /= np.sqrt((directions**2).sum(axis=1, keepdims=True))
        each = [scipy.stats.wasserstein_distance(first @ v, second @ v) for v in directions]
        distances.append(1000 * np.mean(each))
    return {"sliced_wasserstein": distances}


def main():
    scores = {}
    for shape, scales in SCALES.items():
        scores["x".join(map(str, shape))] = similarities(*random_images(1, shape, PAIRS), scales)
    for shape, levels in LEVELS.items():
        scores.setdefault("x".join(map(str, shape)), {}).update(
            sliced_wasserstein(*random_images(2, shape, IMAGES), levels)
        )
    pathlib.Path(__file__).with_name("image_scores.json").write_text(json.dumps(scores, indent=1) + "\n")


if __name__ == "__main__":
    main()
