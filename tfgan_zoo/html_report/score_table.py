"""The chapter of scores: the latest of each with how sure it is and how it was taken, and how each one went."""

import dataclasses

from tfgan_zoo.html_report import plots
from tfgan_zoo.html_report.html_page import Figure, Section
from tfgan_zoo.metrics.score_registry import direction

# What a score says, to someone who has not met it: the first of these beginnings that its name has.
MEANINGS = (
    ("fid_infinity", "The Fréchet distance as it would be with endless samples."),
    (
        "clean_fid",
        "How far the generated images, taken all together, are from the real ones; 0 if nothing tells them apart.",
    ),
    ("intra_", "How far generated images of a class are from real ones of that class, on average over the classes."),
    ("fid", "How far the generated images, taken all together, are from the real ones; 0 if nothing tells them apart."),
    (
        "fd_",
        "How far the generated examples, taken all together, are from the real ones; 0 if nothing tells them apart.",
    ),
    (
        "kid",
        "Another distance between all generated and all real images, fair with few of them; about 0 if they are alike.",
    ),
    (
        "kd_",
        "Another distance between all generated and all real examples, fair with few of them; about 0 if they are alike.",
    ),
    ("inception_score", "High where each image is clearly of one class, and all classes come up."),
    ("is_", "High where each image is clearly of one class, and all classes come up."),
    ("precision", "The share of generated images that look like some real one."),
    ("recall", "The share of real images that the generator comes near to."),
    ("density", "How densely real images lie around the generated ones; about 1 for good samples."),
    ("coverage", "The share of real images that have a generated one near by."),
    (
        "swd_",
        "How far the small details of generated and real images differ, size by size; 0 if nothing tells them apart.",
    ),
    ("ms_ssim_all", "How alike two images are; good near that of the real images."),
    ("ms_ssim", "How alike two images of one class are; good near that of the real images."),
    (
        "cas_real",
        "How well a classifier that saw the real training images does on other real ones: what `cas` could reach.",
    ),
    ("stacked_modes_found", "How many of the 1,000 combinations of three digits come up."),
    ("stacked_modes_kl", "How unevenly they come up; 0 is evenly."),
    ("cas", "How well a classifier that only saw generated images does on real ones."),
    ("d_accuracy", "How often the discriminator is right on these examples."),
    ("d_rank", "Where these real images stand among the generated ones for the discriminator; 0.5 if it cannot tell."),
    ("class_accuracy", "How often an image of an asked-for class is recognised as that class."),
    ("test_error", "The share of held-out real images whose class the discriminator gets wrong."),
    (
        "clustering_error",
        "The share of held-out real images that fall into the wrong one of the categories it found itself.",
    ),
    ("code_category", "How often the category that an image was made from can be read off it."),
    ("code_correlation", "How well the continuous codes can be read off an image; 1 is perfectly."),
    ("modes_found", "How many of the clumps of the real data the generator reaches."),
    ("good_samples", "The share of generated points that fall into one of those clumps."),
)


@dataclasses.dataclass(frozen=True)
class ScoreRow:
    """A line of the table, in words. better: "lower" or "higher"; protocol: [(term, text)]."""

    name: str
    meaning: str
    value: str
    interval: str
    better: str
    step: str
    counts: str
    protocol: list


def number(value):
    """Four digits that count."""
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def row_of(score):
    """The `ScoreRow` of a `Score`."""
    error = "" if score.standard_error is None else f" ± {score.standard_error:.2g}"
    interval = "" if score.interval is None else " to ".join(map(number, score.interval))
    meaning = next((text for beginning, text in MEANINGS if score.name.startswith(beginning)), "")
    protocol = [
        (key.replace("_", " "), str(v)) for key, v in dataclasses.asdict(score.protocol).items() if v not in ("", None)
    ]
    better = direction(score.name)
    counts = score.protocol.counts()
    return ScoreRow(
        score.name, meaning, number(score.value) + error, interval, better, f"{score.step:,}", counts, protocol
    )


def scores_section(scores):
    """The `Section` of a run's `Score`s, oldest first."""
    series = {}
    for score in scores:
        series.setdefault((score.name, score.protocol), {})[score.step] = score
    rows = [row_of(steps[max(steps)]) for steps in series.values()]
    sure = (
        " An interval is where the score, taken so again of as many other examples, would be in 95 of 100 cases."
        if any(row.interval for row in rows)
        else ""
    )
    return Section(
        "scores",
        "Scores",
        "Numbers that stand for how good the samples are. Two of them can be compared only if they were taken in the same"
        f" way, which stands under “how it was taken”. ± is the standard error.{sure}",
        [history_figure(name, steps) for (name, _), steps in series.items() if len(steps) > 1],
        rows,
    )


def history_figure(name, steps):
    """One score over the steps of its checkpoints; steps: {step: `Score`}."""
    ordered = [steps[step] for step in sorted(steps)]
    x = [score.step for score in ordered]
    bands = None
    if all(score.interval for score in ordered):
        bands = {name: tuple(zip(*(score.interval for score in ordered), strict=True))}
    better = direction(name).capitalize()
    plot = plots.curves({name: (x, [score.value for score in ordered])}, marks=True, bands=bands)
    return Figure(f"{name} over training", f"{better} is better." if better else "", plot)
