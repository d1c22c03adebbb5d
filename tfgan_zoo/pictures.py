"""Images as uint8, as grids and as PNG files."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image


def to_uint8(images):
    """float [..., C] in [-1, 1] -> uint8, rounded to the nearest of 0..255; out of range is clipped."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def grid(images, columns=None, gap=1):
    """uint8 [N, H, W, C] -> one uint8 image [rows (H + gap) + gap, columns (W + gap) + gap, C] on a gray ground.

    columns: the square root of N, rounded up, where left out. The last row may be short.
    """
    images = np.asarray(images)
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 128, np.uint8)
    if channels == 4:
        sheet[..., 3] = 255
    for i, image in enumerate(images):
        top, left = gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def save_png(image, path, scale=1):
    """Writes one uint8 image [H, W, 1, 3 or 4], enlarged `scale` times by repetition; the file is never half written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.asarray(image).repeat(scale, 0).repeat(scale, 1)
    beside = path.with_name(f".{path.name}.tmp")
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(beside, format="PNG")
    os.replace(beside, path)
