"""Samples as pictures: images as uint8 and in grids, points in the plane as a density plot; PNG, GIF and MP4 files."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from tfgan_zoo.core.atomic_files import replaced
from tfgan_zoo.core.errors import ZooError

LEGIBLE = 64  # pixels to which small images are enlarged
GROUND, AXES, REAL, FAKE = (np.array(c, np.float32) for c in ((255,) * 3, (235,) * 3, (205,) * 3, (0, 70, 170)))


def to_uint8(images: ArrayLike) -> np.ndarray:
    """float [..., C] in [-1, 1] -> uint8, rounded to the nearest of 0..255; values out of range are clipped.

    Examples:
        >>> from tfgan_zoo.pictures import to_uint8
        >>> to_uint8([-1, 0.2, 1, 2]).tolist()
        [0, 153, 255, 255]
    """
    return np.clip(np.rint((np.asarray(images, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def picture(
    samples: ArrayLike, columns: int | None = None, scale: int | None = None, real: ArrayLike | None = None
) -> np.ndarray:
    """One uint8 image [H, W, C] of generated samples: a `grid` of images, or a `scatter` of points.

    Args:
        samples: uint8 images [N, H, W, C], or float points [N, 2].
        columns: of a grid.
        scale: factor by which images are enlarged; by default, small images become about 64 pixels high.
        real: the training data. If it is points, they are drawn beneath and set the extent.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.pictures import picture
        >>> picture(np.zeros([6, 16, 16, 1], np.uint8), columns=3).shape  # 4 x (2 x 17 + 1), 4 x (3 x 17 + 1)
        (140, 208, 1)
        >>> picture(np.zeros([6, 2], np.float32)).shape
        (512, 512, 3)
    """
    samples = np.asarray(samples)
    if samples.ndim == 2:
        return scatter(samples, real=real)
    scale = scale or default_scale(samples.shape[1])
    return grid(samples, columns).repeat(scale, 0).repeat(scale, 1)


def default_scale(height: int) -> int:
    """The factor by which `picture` enlarges images of this height.

    Examples:
        >>> from tfgan_zoo.pictures import default_scale
        >>> default_scale(28), default_scale(100)
        (2, 1)
    """
    return max(1, LEGIBLE // height)


def grid(images: ArrayLike, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Images side by side on a gray background.

    Args:
        images: uint8 [N, H, W, C].
        columns: by default the square root of N, rounded up. The last row may be short.
        gap: pixels between images and around them.

    Returns:
        uint8 [rows (H + gap) + gap, columns (W + gap) + gap, C].

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.pictures import grid
        >>> grid(np.array([[[[7]]], [[[8]]]], np.uint8))[..., 0].tolist()
        [[128, 128, 128, 128, 128], [128, 7, 128, 8, 128], [128, 128, 128, 128, 128]]
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


def split_grid(sheet: np.ndarray, height: int, width: int, gap: int = 1) -> np.ndarray:
    """The inverse of `grid`: uint8 [rows * columns, height, width, C]; images missing from a short last row are gray.

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.pictures import grid, split_grid
        >>> split_grid(grid(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)), 1, 1).ravel().tolist()
        [0, 1, 2, 128]
    """
    rows, columns = (sheet.shape[0] - gap) // (height + gap), (sheet.shape[1] - gap) // (width + gap)
    tops, lefts = (gap + np.arange(count) * (side + gap) for count, side in ((rows, height), (columns, width)))
    return np.stack([sheet[top : top + height, left : left + width] for top in tops for left in lefts])


def scatter(
    points: ArrayLike, limit: float | None = None, size: int = 512, real: ArrayLike | None = None
) -> np.ndarray:
    """The density of points in the plane, blue on white, as a uint8 image [size, size, 3]; y points up, lines mark 0.

    Args:
        points: float [N, 2]. Points outside are drawn on the edge; non-finite ones are left out.
        limit: the picture spans [-limit, limit] in x and y, as labelled in its corner. By default 1.1 times the largest
            absolute coordinate of `real`, or else of `points`.
        size: side in pixels.
        real: float points [M, 2], drawn beneath in gray.

    Examples:
        >>> from tfgan_zoo.pictures import scatter
        >>> image = scatter([[0.5, 0.5]], limit=1, size=64)
        >>> image.shape, image[16, 48].tolist()  # 0.6 of the blue (0, 70, 170), 0.4 of white
        ((64, 64, 3), [102, 144, 204])
    """
    points, real = (np.asarray([] if p is None else p, np.float64).reshape(-1, 2) for p in (points, real))
    points, real = (p[np.isfinite(p).all(1)] for p in (points, real))
    limit = limit or 1.1 * np.abs(real if len(real) else points).max(initial=0) or 1.0
    sheet = np.tile(GROUND, (size, size, 1))
    sheet[size // 2], sheet[:, size // 2] = AXES, AXES
    for layer, colour in ((real, REAL), (points, FAKE)):
        cover = (1 - 0.4 ** coverage(layer, limit, size))[..., None]  # overlapping points darken
        sheet += cover * (colour - sheet)
    image = Image.fromarray(np.rint(sheet).astype(np.uint8))
    ImageDraw.Draw(image).text((4, size - 14), f"+-{limit:.3g}", fill=(120, 120, 120))
    return np.asarray(image)


def coverage(points: np.ndarray, limit: float, size: int) -> np.ndarray:
    """How many points cover each pixel, each of them 3 x 3 pixels: float [size, size], top row first."""
    columns, rows = (np.clip(points * [1, -1] / limit, -1, 1) * (size / 2 - 2) + size / 2).astype(int).T
    counts = np.zeros((size, size))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            np.add.at(counts, (rows + down, columns + right), 1)
    return counts


def save_animation(frames: ArrayLike, path: str | Path, scale: int = 1, frames_per_second: int = 10) -> None:
    """Writes uint8 images [N, H, W, 1, 3 or 4], each enlarged `scale` times, as an endless GIF or an MP4.

    An MP4 needs PyAV (`pip install 'tfgan_zoo[video]'`), and drops an odd last row and column.

    Raises:
        ZooError: the path ends in neither .gif nor .mp4, or PyAV is not installed.

    Examples:
        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from tfgan_zoo.pictures import save_animation
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_animation(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1), Path(folder) / "a.gif", scale=4)
        ...     with Image.open(Path(folder) / "a.gif") as image:
        ...         image.n_frames, image.size
        (3, (4, 4))
    """
    path, frames = Path(path), np.asarray(frames).repeat(scale, 1).repeat(scale, 2)
    writers = {".gif": write_gif, ".mp4": write_mp4}
    if path.suffix not in writers:
        raise ZooError(f"{path}: expected a name that ends in .gif or .mp4.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as partial:
        writers[path.suffix](frames, partial, frames_per_second)


def write_gif(frames: np.ndarray, path: Path, frames_per_second: int) -> None:
    images = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in frames]
    duration = round(1000 / frames_per_second)  # milliseconds
    images[0].save(path, format="GIF", save_all=True, append_images=images[1:], duration=duration, loop=0)


def write_mp4(frames: np.ndarray, path: Path, frames_per_second: int) -> None:
    try:
        import av
    except ImportError:
        raise ZooError(
            "an MP4 needs PyAV, which is not installed; pip install 'tfgan_zoo[video]', or write a .gif."
        ) from None
    height, width = (side // 2 * 2 for side in frames.shape[1:3])  # H.264 stores colours in blocks of 2x2
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=frames_per_second)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in np.broadcast_to(frames[..., :3], (*frames.shape[:3], 3)):
            pixels = np.ascontiguousarray(frame[:height, :width])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(stream.encode())


def save_png(image: ArrayLike, path: str | Path, scale: int = 1) -> None:
    """Writes one uint8 image [H, W, 1, 3 or 4], enlarged `scale` times; `path` never holds a partial file.

    Examples:
        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from tfgan_zoo.pictures import save_png
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_png(np.full([2, 3, 1], 9, np.uint8), Path(folder) / "a.png", scale=2)
        ...     np.asarray(Image.open(Path(folder) / "a.png")).shape
        (4, 6)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.asarray(image).repeat(scale, 0).repeat(scale, 1)
    with replaced(path) as partial:
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(partial, format="PNG")
