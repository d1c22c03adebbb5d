"""The chapter of scores: the latest value of each with its interval and protocol, and its course over training."""

import dataclasses
from collections.abc import Mapping, Sequence

from tfgan_zoo.html_report import plots
from tfgan_zoo.html_report.html_page import Figure, Section
from tfgan_zoo.metrics.protocol import Score
from tfgan_zoo.metrics.score_registry import direction

# What a score means, for readers who do not know it: the first entry whose prefix its name has.
MEANINGS = (
    ("fid_infinity", "The FID extrapolated to an infinite number of samples."),
    ("clean_fid", "Distance between the distributions of generated and real images; 0 if they are equal."),
    ("intra_", "Distance between generated and real images of one class, averaged over the classes."),
    ("fid", "Distance between the distributions of generated and real images; 0 if they are equal."),
    ("fd_", "Fréchet distance between the distributions of generated and real examples; 0 if they are equal."),
    ("kid", "Kernel distance between generated and real images, unbiased for few samples; about 0 if they are alike."),
    (
        "kd_",
        "Kernel distance between generated and real examples, unbiased for few samples; about 0 if they are alike.",
    ),
    ("inception_score", "High if each image is clearly of one class and all classes occur."),
    ("is_", "High if each image is clearly of one class and all classes occur."),
    ("precision", "The share of generated images that resemble a real one."),
    ("recall", "The share of real images that a generated one resembles."),
    ("density", "How densely real images surround the generated ones; about 1 for good samples."),
    ("coverage", "The share of real images with a generated one nearby."),
    ("swd_", "How much the details of generated and real images differ, scale by scale; 0 if they are alike."),
    ("ms_ssim_all", "Similarity of two images; it should be close to that of real images."),
    ("ms_ssim", "Similarity of two images of one class; it should be close to that of real images."),
    ("cas_real", "Accuracy on real images of a classifier trained on real ones: what `cas` could reach."),
    ("stacked_modes_found", "How many of the 1,000 combinations of three digits occur."),
    ("stacked_modes_kl", "How unevenly they occur; 0 is evenly."),
    ("ppl_", "How much the image changes along a path between two styles; lower is smoother."),
    ("cas", "Accuracy on real images of a classifier trained only on generated ones."),
    ("d_accuracy", "How often the discriminator is right on these examples."),
    (
        "d_rank",
        "How often the discriminator ranks a real image above a generated one; 0.5 if it cannot tell them apart.",
    ),
    ("class_accuracy", "How often a generated image is recognised as the class it was conditioned on."),
    ("test_error", "The share of held-out real images that the discriminator assigns to a wrong class."),
    ("clustering_error", "The share of held-out real images in a category, learned without labels, of another class."),
    ("code_category", "How often the category that an image was made from can be recovered from it."),
    ("code_correlation", "How well the continuous codes can be recovered from an image; 1 is perfectly."),
    ("modes_found", "How many of the modes of the real data the generator reaches."),
    ("good_samples", "The share of generated points close to one of those modes."),
)


@dataclasses.dataclass(frozen=True)
class ScoreRow:
    """A row of the table, as text; `better` is "lower", "higher" or "", `protocol` is [(term, text)]."""

    name: str
    meaning: str
    value: str
    interval: str
    better: str
    step: str
    counts: str
    protocol: list[tuple[str, str]]


def number(value: float) -> str:
    """A number with four significant digits."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def row_of(score: Score) -> ScoreRow:
    """The `ScoreRow` of a score."""
    error = "" if score.standard_error is None else f" ± {score.standard_error:.2g}"
    interval = "" if score.interval is None else " to ".join(map(number, score.interval))
    meaning = next((text for prefix, text in MEANINGS if score.name.startswith(prefix)), "")
    protocol = [
        (key.replace("_", " "), str(v)) for key, v in dataclasses.asdict(score.protocol).items() if v not in ("", None)
    ]
    better = direction(score.name)
    counts = score.protocol.counts()
    return ScoreRow(
        score.name, meaning, number(score.value) + error, interval, better, f"{score.step:,}", counts, protocol
    )


def scores_section(scores: Sequence[Score]) -> Section:
    """The `Section` of a run's scores, which come oldest first."""
    series: dict = {}
    for score in scores:
        series.setdefault((score.name, score.protocol), {})[score.step] = score
    rows = [row_of(steps[max(steps)]) for steps in series.values()]
    interval = (
        " The 95 % interval is bootstrapped: it covers the score of 95 in 100 repetitions with other examples."
        if any(row.interval for row in rows)
        else ""
    )
    return Section(
        "scores",
        "Scores",
        "Two scores are comparable only if they have the same protocol, which the last column unfolds. ± is the standard"
        f" error.{interval}",
        [history_figure(name, steps) for (name, _), steps in series.items() if len(steps) > 1],
        rows,
    )


def history_figure(name: str, steps: Mapping[int, Score]) -> Figure:
    """One score over the course of training; `steps` is {step: score}."""
    ordered = [steps[step] for step in sorted(steps)]
    x = [score.step for score in ordered]
    bands = None
    if all(score.interval for score in ordered):
        bands = {name: tuple(zip(*(score.interval for score in ordered), strict=True))}
    better = direction(name).capitalize()
    plot = plots.curves({name: (x, [score.value for score in ordered])}, marks=True, bands=bands)
    return Figure(f"{name} over training", f"{better} is better." if better else "", plot)
