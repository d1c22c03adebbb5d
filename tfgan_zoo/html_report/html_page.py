"""What a report is made of, and how it becomes one file of HTML that asks the network for nothing."""

import base64
import dataclasses
import io
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_zoo.html_report.plots import Plot
from tfgan_zoo.training.checkpoints import write_atomically

COARSE = 100  # samples of fewer pixels on a side are enlarged with sharp edges, larger ones smoothly


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image inside the page. src: data URI; label: beneath it; columns: samples in its width; sharp: enlarged by pixels."""

    src: str
    label: str = ""
    columns: int = 1
    sharp: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """Pictures side by side with a label in front of them."""

    label: str
    pictures: list[Picture]


@dataclasses.dataclass(frozen=True)
class Figure:
    """Something to look at, with a sentence on it: a plot, rows of pictures, tiles in a grid, or a table (head, rows).

    wide: it takes the page's whole width, where else two stand side by side. tile: least width of a tile in CSS pixels.
    """

    title: str
    text: str = ""
    plot: Plot | None = None
    rows: list[Row] = dataclasses.field(default_factory=list)
    tiles: list[Picture] = dataclasses.field(default_factory=list)
    table: tuple | None = None
    wide: bool = False
    tile: int = 150


@dataclasses.dataclass(frozen=True)
class Section:
    """A chapter of the page. name: its anchor."""

    name: str
    title: str
    text: str = ""
    figures: list[Figure] = dataclasses.field(default_factory=list)
    scores: list = dataclasses.field(default_factory=list)


def picture(image, label="", columns=1, sample_height=None):
    """The `Picture` of one uint8 image [H, W, 1, 3 or 4]; sample_height: in pixels, of what it shows, H where left out."""
    image = np.asarray(image)
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, format="PNG", optimize=True)
    return Picture(data_uri(buffer.getvalue()), label, columns, (sample_height or len(image)) < COARSE)


def data_uri(png):
    """The bytes of a PNG file as a text that stands for its address."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def render(facts, sections, details, left_out=()):
    """The page as HTML.

    Args:
        facts: a `tfgan_zoo.html_report.facts.Facts`.
        sections: list of `Section`.
        details: [(title, text)] to unfold at the end.
        left_out: sentences on what is missing and why.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    sections = [section for section in sections if section.figures or section.scores]
    return environment.get_template("page.html.j2").render(
        facts=facts, sections=sections, details=details, left_out=left_out
    )


def write(html, path):
    """Writes the page, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(html.encode()))
