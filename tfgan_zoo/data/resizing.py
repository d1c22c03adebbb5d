"""Conversion of an image of any shape to a target shape. Every source uses it, image by image or all at once.

Channels first:
    gray -> RGB         the value three times
    RGB -> gray         ITU-R 601 luma, as Pillow computes it
    RGBA -> RGB, gray   composited on the background, as is the padding: black, or the level of gray that
                        `background` gives; colours under full transparency are arbitrary, so dropping alpha would show
                        pixels that nobody was meant to see
    gray, RGB -> RGBA   opaque

Then height and width, by `fit`:
    pad     Keeps the whole image. With s the largest scale at which it fits into the target:
            s < 1 shrinks it by s; 1 <= s < 2 leaves its pixels unchanged; s >= 2 enlarges it by s.
            So an image is enlarged only if it would otherwise fill less than half of the target in both directions.
            The rest is padded with the background (transparent in RGBA) on both sides, an odd pixel below or right.
            MNIST's 28 x 28 gets 2 pixels on each side at 32, and is enlarged at 64.
    crop    Resizes the largest centred part that has the target's aspect ratio.
    refuse  Any other shape is an error.

Resizing uses Pillow's bicubic filter, which is antialiased (its kernel widens when it shrinks) and computed identically
on every machine. It is the one that Parmar et al. 2022, arXiv:2104.11222 (clean-fid) recommend for shrinking, so
training images and metrics agree; Lanczos is a little sharper, but rings at hard edges such as pen strokes.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.core.recipe_tables import DataSettings

DEEPEST = 65535  # the white of 16 bits
CHUNK = 256  # images converted at a time, which bounds the memory for intermediate results


def target_size(settings: DataSettings) -> tuple[int | None, int | None]:
    """(height, width) that `settings.resolution` asks for; (None, None) to keep each image's size."""
    resolution = settings.resolution
    if resolution is None:
        return None, None
    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    return height, width


def to_shape(
    image: Image.Image | np.ndarray,
    height: int | None,
    width: int | None,
    channels: int | None,
    fit: str,
    background: int = 0,
) -> np.ndarray:
    """One image in the target shape.

    Args:
        image: a PIL image, or uint8 [h, w] or [h, w, 1, 3 or 4].
        height, width: of the result; None keeps them.
        channels: 1, 3 or 4; None keeps them.
        fit: "pad", "crop" or "refuse", see the module's docstring.
        background: level of gray of what is padded or transparent, 0 to 255.

    Returns:
        uint8 [height, width, channels].

    Raises:
        ZooError: `fit` is "refuse" and the image has another height or width; the message begins with its size.
        ValueError: a PIL image whose pixels have no known range.
    """
    pixels = from_pil(image) if isinstance(image, Image.Image) else image
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return all_to_shape(pixels[None], height, width, channels, fit, background)[0]


def all_to_shape(
    images: np.ndarray,
    height: int | None,
    width: int | None,
    channels: int | None,
    fit: str,
    background: int = 0,
) -> np.ndarray:
    """`to_shape` for uint8 [N, h, w, c]; returns the same array if nothing has to change."""
    source = images.shape[1:]
    target = (source[0] if height is None else height, source[1] if width is None else width, channels or source[2])
    if target == source:
        return images
    if fit not in FITS:
        raise no_such("data.fit", fit, FITS)
    result = np.zeros((len(images), *target), np.uint8)
    for start in range(0, len(images), CHUNK):
        part = _to_channels(images[start : start + CHUNK], target[2], background)
        result[start : start + CHUNK] = part if source[:2] == target[:2] else FITS[fit](part, *target[:2], background)
    return result


def from_pil(image: Image.Image, white_level: int = DEEPEST, tell: Callable[[int], object] | None = None) -> np.ndarray:
    """The pixels of a PIL image: uint8 [h, w, c], c = 1 for gray, 4 with transparency, else 3.

    Palettes, CMYK and other colour spaces become RGB.

    Args:
        image: of any mode.
        white_level: of 16-bit gray, which is scaled from 0..white_level; what is above is white too.
        tell: called with the largest level of an image of 16-bit gray.

    Raises:
        ValueError: the pixels have no known range (floats, 32-bit integers beyond 16 bits), or no known conversion.
    """
    if image.mode == "F":
        raise ValueError("its pixels are floats, which have no known range")
    if image.mode[0] == "I":
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"its pixels lie in {values.min()}..{values.max()}, beyond 16 bits")
        if tell:
            tell(int(values.max()))
        scaled = np.minimum(values.astype(np.uint32), white_level) * 255
        return ((scaled + white_level // 2) // white_level).astype(np.uint8)[..., None]
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return np.array(image.convert("L"))[..., None]
    return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def _to_channels(images, channels, background):
    """uint8 [..., 1, 3 or 4] -> uint8 [..., channels]."""
    if images.shape[-1] == channels:
        return images
    if images.shape[-1] == 4:
        color, alpha = images[..., :3].astype(np.uint16), images[..., 3:].astype(np.uint16)
        images = ((color * alpha + background * (255 - alpha) + 127) // 255).astype(np.uint8)
    if images.shape[-1] == 3 and channels == 1:
        # L = 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point; the weights add up to 65536, so gray stays unchanged
        luma = images.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
        return ((luma + 32768) >> 16).astype(np.uint8)[..., None]
    if images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    if channels == 4:
        images = np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)
    return images


def _pad(images, height, width, background):
    scale = min(height / images.shape[1], width / images.shape[2])
    if scale < 1 or scale >= 2:
        images = _resize(images, *(max(1, round(side * scale)) for side in images.shape[1:3]))
    top, left = (height - images.shape[1]) // 2, (width - images.shape[2]) // 2
    result = np.full((len(images), height, width, images.shape[3]), background * (images.shape[3] < 4), np.uint8)
    result[:, top : top + images.shape[1], left : left + images.shape[2]] = images
    return result


def _crop(images, height, width, background):
    source_height, source_width = images.shape[1:3]
    crop_height = min(source_height, max(1, round(source_width * height / width)))
    crop_width = min(source_width, max(1, round(source_height * width / height)))
    top, left = (source_height - crop_height) // 2, (source_width - crop_width) // 2
    return _resize(images[:, top : top + crop_height, left : left + crop_width], height, width)


def _refuse(images, height, width, background):
    raise ZooError(
        f"is {images.shape[1]}x{images.shape[2]} (height x width), not {height}x{width}; "
        "use data.fit=pad or data.fit=crop to convert it."
    )


FITS = {"pad": _pad, "crop": _crop, "refuse": _refuse}


def _resize(images, height, width):
    if images.shape[1:3] == (height, width):
        return images
    channels = images.shape[3]
    flat = images[..., 0] if channels == 1 else images
    # Pillow weights the colours of an RGBA image by their alpha
    resized = [Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC) for image in flat]
    return np.stack(resized).reshape(len(images), height, width, channels)
