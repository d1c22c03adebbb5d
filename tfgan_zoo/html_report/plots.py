"""Curves as inline SVG that takes its colours and its font from the page, so that it reads in light and dark mode."""

import dataclasses
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.html_report.event_history import Curve, thinned

INK, GRID = "#010203", "#040506"  # placeholders, replaced by the page's CSS variables in the finished SVG
LINES = tuple(f"#0a0b{i:02x}" for i in range(1, 9))
IN_PAGE = {INK: "var(--soft)", GRID: "var(--line)", **{colour: f"var(--c{i})" for i, colour in enumerate(LINES, 1)}}
TICK_STEPS = [1, 2, 2.5, 5, 10]  # distances between ticks, up to powers of ten
DECADE = 10  # a logarithmic axis is used if the values span more than this factor
FEW = 8  # with at most this many points, each has a tick of its own
SPIKE = 6  # the y axis is cut if the full range exceeds the 1st to 99th percentile by this factor


@dataclasses.dataclass(frozen=True)
class Plot:
    """A rendered plot.

    Attributes:
        svg: markup.
        keys: [(name, CSS colour)] for a legend in the page.
        cut: whether parts of a curve lie beyond the frame.
    """

    svg: str
    keys: list[tuple[str, str]]
    cut: bool = False


def curves(
    named: Mapping[str, tuple[ArrayLike, ArrayLike]],
    log: bool = False,
    xlabel: str = "step",
    marks: bool = False,
    bands: Mapping[str, tuple] | None = None,
    ticks: bool = True,
) -> Plot:
    """Several curves in one frame.

    Args:
        named: {name: (x [N], y [N])}.
        log: use a logarithmic y axis if all values are positive and span more than a `DECADE`.
        xlabel: label of the x axis.
        marks: draw a dot at each point.
        bands: {name: (low [N], high [N])} to shade, or None.
        ticks: with marks, put a tick at each point if there are few, instead of at round numbers.
    """
    from matplotlib.figure import Figure

    thin = {name: thinned(np.asarray(x), np.asarray(y, np.float64)) for name, (x, y) in named.items()}
    colours = colours_of(len(thin))
    figure = Figure(figsize=(5.0, 2.7), layout="constrained")
    axes = figure.add_subplot()
    for (name, (x, y)), (colour, _) in zip(thin.items(), colours, strict=True):
        axes.plot(x, y, color=colour, linewidth=1.4, marker="o" if marks or len(x) == 1 else None, markersize=3.5)
        if bands and name in bands:
            axes.fill_between(x, *bands[name], color=colour, alpha=0.18, linewidth=0)
    finite = np.concatenate([y[np.isfinite(y)] for _, y in thin.values()] or [np.empty(0)])
    if log and len(finite) and finite.min() > 0 and finite.max() > DECADE * finite.min():
        axes.set_yscale("log")
        cut = False
    else:
        cut = cut_spikes(axes, thin)
    style(axes, xlabel)
    places = sorted({float(place) for x, _ in thin.values() for place in x})
    if marks and ticks and len(places) <= FEW:
        axes.set_xticks(places)
    return Plot(to_svg(figure), [(name, css) for name, (_, css) in zip(thin, colours, strict=True)], cut)


def colours_of(count: int) -> list[tuple[str, str]]:
    """(colour for matplotlib, colour for the page) of each curve: distinct if there are few, otherwise a gradient."""
    if count <= len(LINES):
        return [(colour, IN_PAGE[colour]) for colour in LINES[:count]]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    gradient = colormaps["plasma"](np.linspace(0.1, 0.8, count))  # its ends have no contrast with a dark or light page
    return [(to_hex(colour), to_hex(colour)) for colour in gradient]


def cut_spikes(axes: Any, named: Mapping[str, Curve]) -> bool:
    """Limits the y axis to the 1st to 99th percentile if a few spikes would flatten the rest. Returns whether it did."""
    values = [y[np.isfinite(y)] for _, y in named.values()]
    values = [y for y in values if len(y)]
    if not values:
        return False
    low, high = (f(np.percentile(y, p) for y in values) for f, p in ((min, 1), (max, 99)))
    bottom, top = min(y.min() for y in values), max(y.max() for y in values)
    if top - bottom <= SPIKE * (high - low) or high == low:
        return False
    margin = 0.15 * (high - low)
    axes.set_ylim(max(bottom, low - margin), min(top, high + margin))
    return True


def style(axes: Any, xlabel: str) -> None:
    """Two thin axes, a faint grid, and short tick labels: 6k for 6,000 steps."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10.5, length=0, which="both")
    axes.set_xlabel(xlabel, color=INK, fontsize=10.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=TICK_STEPS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1000:g}k" if abs(x) >= 1000 else f"{x:g}"))
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=TICK_STEPS))
        axes.ticklabel_format(axis="y", useOffset=False)
    else:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))


def to_svg(figure: Any) -> str:
    """The figure as an <svg> element without prolog, metadata, namespaces and style sheet, for embedding in HTML."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "tfgan_zoo", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', text)
    text = re.sub(r' id="[a-z._A-Z]+_\d+"|font-family: [^;"]*;?', "", text).replace("xlink:href", "href")
    for colour, variable in IN_PAGE.items():
        text = text.replace(colour, variable)
    return text
