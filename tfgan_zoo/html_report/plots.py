"""Curves as inline SVG that takes its colours and its letters from the page, so that it reads in light and in dark."""

import dataclasses
import io
import re

import numpy as np

from tfgan_zoo.html_report.event_history import thinned

INK, GRID = "#010203", "#040506"  # stand for the page's colours until the SVG is written
LINES = tuple(f"#0a0b{i:02x}" for i in range(1, 9))
IN_PAGE = {INK: "var(--soft)", GRID: "var(--line)", **{colour: f"var(--c{i})" for i, colour in enumerate(LINES, 1)}}
ROUND = [1, 2, 2.5, 5, 10]  # what two ticks may lie apart, but for powers of ten
DECADE = 10  # of the values, from which on a logarithmic axis shows more
FEW = 8  # points that each have their number below the axis
SPIKE = 6  # a curve's whole range may be so many times what most of it spans, before the ends are cut


@dataclasses.dataclass(frozen=True)
class Plot:
    """svg: markup; keys: [(name, CSS colour)] for a legend in the page; cut: parts of a curve lie beyond the frame."""

    svg: str
    keys: list
    cut: bool = False


def curves(named, log=False, xlabel="step", marks=False, bands=None, ticks=True):
    """One frame with several curves, as a `Plot`.

    Args:
        named: {name: (x [N], y [N])}.
        log: a logarithmic y axis, where all values are positive and span a `DECADE`.
        xlabel: what x is.
        marks: a dot at each point.
        bands: {name: (low [N], high [N])} to shade, or None.
        ticks: with marks, label where few points are and not round numbers.
    """
    from matplotlib.figure import Figure

    named = {name: thinned(np.asarray(x), np.asarray(y, np.float64)) for name, (x, y) in named.items()}
    colours = colours_of(len(named))
    figure = Figure(figsize=(5.0, 2.7), layout="constrained")
    axes = figure.add_subplot()
    for (name, (x, y)), (colour, _) in zip(named.items(), colours, strict=True):
        axes.plot(x, y, color=colour, linewidth=1.4, marker="o" if marks or len(x) == 1 else None, markersize=3.5)
        if bands and name in bands:
            axes.fill_between(x, *bands[name], color=colour, alpha=0.18, linewidth=0)
    everything = np.concatenate([y[np.isfinite(y)] for _, y in named.values()] or [[]])
    if log and len(everything) and everything.min() > 0 and everything.max() > DECADE * everything.min():
        axes.set_yscale("log")
        cut = False
    else:
        cut = frame_most(axes, named)
    dress(axes, xlabel)
    places = sorted({float(at) for x, _ in named.values() for at in x})
    if marks and ticks and len(places) <= FEW:
        axes.set_xticks(places)
    return Plot(to_svg(figure), [(name, css) for name, (_, css) in zip(named, colours, strict=True)], cut)


def colours_of(count):
    """(colour for matplotlib, colour for the page) of so many curves: distinct ones, or from first to last along a scale."""
    if count <= len(LINES):
        return [(colour, IN_PAGE[colour]) for colour in LINES[:count]]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps["plasma"](np.linspace(0.1, 0.8, count))  # its ends would be lost on a dark or a light page
    return [(to_hex(colour), to_hex(colour)) for colour in scale]


def frame_most(axes, named):
    """Frames the 1st to the 99th percentile of the curves where few spikes would press all else flat. Says whether it did."""
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


def dress(axes, xlabel):
    """Two thin axes, a faint grid, and numbers as one says them: 6k for 6,000 steps."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10.5, length=0, which="both")
    axes.set_xlabel(xlabel, color=INK, fontsize=10.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=ROUND))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1000:g}k" if abs(x) >= 1000 else f"{x:g}"))
    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    else:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))


def to_svg(figure):
    """The figure as an <svg> element: no prolog, metadata, namespaces or style sheet, which the page around it gives."""
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
