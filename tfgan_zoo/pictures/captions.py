"""Rows of images with captions beneath them, for figures that a person reads."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan_zoo.pictures import LEGIBLE

Cell = tuple[np.ndarray, Sequence[str]]  # (uint8 [H, W, C], lines of its caption)

GAP, LINE, SIZE = 8, 14, 11  # pixels: around a cell, of a line of text, of its letters
PAPER, INK = (255, 255, 255), (60, 60, 60)


def captioned(rows: Sequence[Sequence[Cell]], height: int = 2 * LEGIBLE) -> np.ndarray:
    """One figure of images with captions; a caption that is wider than its image makes the column wider.

    Args:
        rows: of cells. Small images are enlarged by a whole factor, so that pixels stay squares, to about `height` pixels; those
            with transparency are shown on the paper.
        height: of an image in the figure.

    Returns:
        uint8 [H, W, 3].

    Examples:
        >>> import numpy as np
        >>> from tfgan_zoo.pictures.captions import captioned
        >>> figure = captioned([[(np.zeros([32, 32, 1], np.uint8), ["a"]), (np.full([32, 32, 1], 9, np.uint8), ["b"])]])
        >>> figure.shape, figure[8, 8].tolist(), figure[8, 144].tolist()  # 128 + 2 x 8; 2 x (128 + 8) + 8
        ((158, 280, 3), [0, 0, 0], [9, 9, 9])
    """
    font = ImageFont.load_default(SIZE)
    cells = [[(enlarged(image, height), lines) for image, lines in row] for row in rows]
    columns = max(map(len, cells))
    widths = [0] * columns
    for row in cells:
        for column, (image, lines) in enumerate(row):
            needed = max([image.width, *(int(font.getlength(line)) + 1 for line in lines)])
            widths[column] = max(widths[column], needed)
    heights = [max(image.height for image, _ in row) + LINE * max(len(lines) for _, lines in row) for row in cells]
    size = sum(widths) + GAP * (columns + 1), sum(heights) + GAP * (len(cells) + 1)
    sheet = Image.new("RGB", size, PAPER)
    pen, top = ImageDraw.Draw(sheet), GAP
    for row, row_height in zip(cells, heights, strict=True):
        left = GAP
        for (image, lines), width in zip(row, widths, strict=False):
            sheet.paste(image, (left, top))
            for number, line in enumerate(lines):
                pen.text((left, top + image.height + 1 + LINE * number), line, fill=INK, font=font)
            left += width + GAP
        top += row_height + GAP
    return np.asarray(sheet)


def enlarged(image: np.ndarray, height: int) -> Image.Image:
    """A uint8 image [H, W, 1, 3 or 4] in RGB, each pixel repeated so that H comes up to `height`."""
    scale = max(1, height // image.shape[0])
    pixels = np.asarray(image).repeat(scale, 0).repeat(scale, 1)
    if pixels.shape[-1] == 4:
        colours = Image.fromarray(pixels)
        paper = Image.new("RGBA", colours.size, (*PAPER, 255))
        return Image.alpha_composite(paper, colours).convert("RGB")
    return Image.fromarray(np.broadcast_to(pixels, [*pixels.shape[:2], 3]).copy())
