"""The parts of a report, and their rendering as one self-contained HTML file that loads nothing from the network."""

import base64
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfgan_zoo.core.atomic_files import write_atomically
from tfgan_zoo.html_report.plots import Plot

if TYPE_CHECKING:
    from tfgan_zoo.html_report.facts import Facts
    from tfgan_zoo.html_report.score_table import ScoreRow

COARSE = 100  # samples with fewer pixels on a side are enlarged with sharp edges, larger ones smoothly


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image inside the page.

    Attributes:
        src: a data URI.
        label: below the image.
        columns: samples side by side in it, which sets its width within a `Row`.
        sharp: whether the browser enlarges its pixels without smoothing.
    """

    src: str
    label: str = ""
    columns: int = 1
    sharp: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """Pictures side by side, with a label in front of them."""

    label: str
    pictures: list[Picture]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A captioned figure: a plot, rows of pictures, tiles in a grid, or a table.

    Attributes:
        title: above the text.
        text: a sentence or two on what it shows.
        plot: a `Plot`, or None.
        rows: of pictures.
        tiles: pictures in a grid.
        table: (head, rows), or None.
        wide: takes the page's full width; other figures stand two side by side.
        tile: smallest width of a tile, in CSS pixels.
    """

    title: str
    text: str = ""
    plot: Plot | None = None
    rows: list[Row] = dataclasses.field(default_factory=list)
    tiles: list[Picture] = dataclasses.field(default_factory=list)
    table: tuple[list[str], list[list[str]]] | None = None
    wide: bool = False
    tile: int = 150


@dataclasses.dataclass(frozen=True)
class Section:
    """A chapter of the page; `name` is its anchor. Without figures and scores it is left out."""

    name: str
    title: str
    text: str = ""
    figures: list[Figure] = dataclasses.field(default_factory=list)
    scores: "list[ScoreRow]" = dataclasses.field(default_factory=list)


def picture(image: np.ndarray, label: str = "", columns: int = 1, sample_height: int | None = None) -> Picture:
    """The `Picture` of an image.

    Args:
        image: uint8 [H, W, C], C being 1, 3 or 4.
        label: below the image.
        columns: samples side by side in it.
        sample_height: of one sample, in pixels; H by default.
    """
    image = np.asarray(image)
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, format="PNG", optimize=True)
    return Picture(data_uri(buffer.getvalue()), label, columns, (sample_height or len(image)) < COARSE)


def data_uri(png: bytes) -> str:
    """The bytes of a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def render(
    facts: "Facts", sections: Sequence[Section], details: Sequence[tuple[str, str]], left_out: Sequence[str] = ()
) -> str:
    """The page as HTML.

    Args:
        facts: for its head.
        sections: its chapters.
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


def write(html: str, path: str | Path) -> None:
    """Writes the page atomically, creating its folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(html.encode()))
