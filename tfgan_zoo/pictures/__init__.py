"""Samples as pictures: images as uint8 and in grids, points in the plane as a density plot; PNG, GIF and MP4 files."""

import math
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tfgan_zoo.core.errors import ZooError

LEGIBLE = 64  # pixels that a small image is enlarged to
GROUND, AXES, REAL, FAKE = (np.array(c, np.float32) for c in ((255,) * 3, (235,) * 3, (205,) * 3, (0, 70, 170)))


def to_uint8(images):
    """float [..., C] in [-1, 1] -> uint8, rounded to the nearest of 0..255; out of range is clipped."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def picture(samples, columns=None, scale=None, real=None):
    """One uint8 image [H, W, C] of what a generator made: a `grid` of images, a `scatter` of points.

    Args:
        samples: uint8 images [N, H, W, C], or float points [N, 2].
        columns: of a grid.
        scale: enlarges the pixels of images; at least so that they are 64 high where left out.
        real: the training data. Where that is points, they show beneath and set the extent.
    """
    samples = np.asarray(samples)
    if samples.ndim == 2:
        return scatter(samples, real=real)
    scale = scale or default_scale(samples.shape[1])
    return grid(samples, columns).repeat(scale, 0).repeat(scale, 1)


def default_scale(height):
    """How often `picture` repeats the pixels of images so high."""
    return max(1, LEGIBLE // height)


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


def cut(sheet, height, width, gap=1):
    """The images of a `grid`: uint8 [rows * columns, height, width, C]; those that a short last row lacks are gray."""
    rows, columns = (sheet.shape[0] - gap) // (height + gap), (sheet.shape[1] - gap) // (width + gap)
    tops, lefts = (gap + np.arange(count) * (side + gap) for count, side in ((rows, height), (columns, width)))
    return np.stack([sheet[top : top + height, left : left + width] for top in tops for left in lefts])


def scatter(points, limit=None, size=512, real=None):
    """The density of points in the plane, blue on white, as a uint8 image [size, size, 3]; y points up, lines mark 0.

    Args:
        points: float [N, 2]. Those outside show on the edge; those that are not finite do not show.
        limit: the picture spans [-limit, limit] in x and y, as written in its corner. Where left out, a tenth more than
            the largest coordinate of `real`, or else of `points`.
        real: float points [M, 2] to show beneath in gray.
    """
    points, real = (np.asarray([] if p is None else p, np.float64).reshape(-1, 2) for p in (points, real))
    points, real = (p[np.isfinite(p).all(1)] for p in (points, real))
    limit = limit or 1.1 * np.abs(real if len(real) else points).max(initial=0) or 1.0
    sheet = np.tile(GROUND, (size, size, 1))
    sheet[size // 2], sheet[:, size // 2] = AXES, AXES
    for shown, colour in ((real, REAL), (points, FAKE)):
        cover = (1 - 0.4 ** blots(shown, limit, size))[..., None]  # where points meet, the colour is fuller
        sheet += cover * (colour - sheet)
    image = Image.fromarray(np.rint(sheet).astype(np.uint8))
    ImageDraw.Draw(image).text((4, size - 14), f"+-{limit:.3g}", fill=(120, 120, 120))
    return np.asarray(image)


def blots(points, limit, size):
    """How many points cover each pixel, where each one covers 3 x 3: float [size, size], the first row on top."""
    columns, rows = (np.clip(points * [1, -1] / limit, -1, 1) * (size / 2 - 2) + size / 2).astype(int).T
    counts = np.zeros((size, size))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            np.add.at(counts, (rows + down, columns + right), 1)
    return counts


def save_animation(frames, path, scale=1, frames_per_second=10):
    """Writes uint8 images [N, H, W, 1, 3 or 4], each enlarged `scale` times, as a GIF without end or an MP4.

    An MP4 needs PyAV (`pip install 'tfgan_zoo[video]'`), and loses an odd last row and column.

    Raises:
        ZooError: the path ends in neither .gif nor .mp4, or PyAV is not installed.
    """
    path, frames = Path(path), np.asarray(frames).repeat(scale, 1).repeat(scale, 2)
    writers = {".gif": write_gif, ".mp4": write_mp4}
    if path.suffix not in writers:
        raise ZooError(f"{path}: animations are .gif or .mp4.")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    writers[path.suffix](frames, beside, frames_per_second)
    os.replace(beside, path)


def write_gif(frames, path, frames_per_second):
    images = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in frames]
    duration = round(1000 / frames_per_second)  # milliseconds
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=duration, loop=0)


def write_mp4(frames, path, frames_per_second):
    try:
        import av
    except ImportError:
        raise ZooError(
            "an MP4 needs PyAV, which is not installed: pip install 'tfgan_zoo[video]', or write a .gif."
        ) from None
    height, width = (side // 2 * 2 for side in frames.shape[1:3])  # the colours of H.264 come in blocks of 2x2
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=frames_per_second)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in np.broadcast_to(frames[..., :3], (*frames.shape[:3], 3)):
            pixels = np.ascontiguousarray(frame[:height, :width])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())


def save_png(image, path, scale=1):
    """Writes one uint8 image [H, W, 1, 3 or 4], enlarged `scale` times by repetition; the file is never half written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.asarray(image).repeat(scale, 0).repeat(scale, 1)
    beside = path.with_name(f".{path.name}.tmp")
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(beside, format="PNG")
    os.replace(beside, path)
