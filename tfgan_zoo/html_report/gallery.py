"""The chapter of new samples: truncation, interpolation between latents, classes and codes."""

from collections.abc import Sequence

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.html_report.html_page import Figure, Picture, Row, Section, picture
from tfgan_zoo.saved_model import sweeps
from tfgan_zoo.saved_model.signature_calls import Sampler

COLUMNS = 10  # samples per row
BOUNDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # values of truncation
MOST_CLASSES, MOST_CODES = 12, 6  # that the page shows
SCATTER, POINTS = 300, 1000  # side of a scatter plot in pixels, and points in it
LATENT_VALUES = 100_000  # that are drawn to find their maximum: larger bounds have no effect


class Gallery:
    """Draws the figures of one generator.

    Args:
        generator: it.
        class_names: one per class; () without classes.
        real: the training data if it is points, float32 [N, 2]; otherwise None.
    """

    def __init__(self, generator: Sampler, class_names: Sequence[str] = (), real: np.ndarray | None = None) -> None:
        self.generator, self.class_names, self.real = generator, class_names, real

    def row(self, label: str, samples: np.ndarray) -> Row:
        """A `Row` of images uint8 [N, H, W, C]."""
        return Row(label, [picture(pictures.grid(samples, len(samples)), "", len(samples), samples.shape[1])])

    def scatter(self, label: str, points: np.ndarray) -> Picture:
        """A scatter plot of points float32 [N, 2]."""
        return picture(pictures.scatter(points, size=SCATTER, real=self.real), label)

    def figure(self, title: str, text: str, labels: Sequence[str], samples: Sequence[np.ndarray]) -> Figure:
        """A `Figure` with a row of images, or a scatter plot, per label."""
        if self.generator.points:
            tiles = [self.scatter(label, points) for label, points in zip(labels, samples, strict=True)]
            return Figure(title, text, tiles=tiles, wide=True, tile=200)
        rows = [self.row(label, images) for label, images in zip(labels, samples, strict=True)]
        return Figure(title, text, rows=rows)

    def seeds(self) -> np.ndarray:
        """int64 [N], of one row or one scatter plot."""
        return np.arange(POINTS if self.generator.points else COLUMNS)

    def truncation(self) -> Figure:
        """The same seeds at increasing truncation."""
        count = max(1, LATENT_VALUES // self.generator.noise_size)
        latents = self.generator.latent_inputs(np.arange(min(count, 1000)))
        largest = min(max(np.abs(values).max() for values in latents.values()), self.generator.truncation.none)
        bounds = [*(bound for bound in BOUNDS if bound < largest), None]
        labels = ["none" if bound is None else f"{bound:g}" for bound in bounds]
        samples = [self.generator.sample(self.seeds(), bound) for bound in bounds]
        unit = "plot" if self.generator.points else "row"
        text = (
            f"The same seeds in every {unit}, at increasing truncation values ({self.generator.truncation.meaning})."
            " Small values give typical samples that look alike, large ones more varied and odder samples."
        )
        return self.figure("Truncation: from typical to varied", text, labels, samples)

    def interpolation(self) -> Figure:
        """Between the latents of two seeds; label and codes are fixed."""
        codes = self.generator.codes
        rows, steps = 4, 400 if self.generator.points else COLUMNS
        samples = []
        for i in range(rows):
            label = i % self.generator.num_classes if self.generator.conditional else None
            values = [i % n for n in codes.categorical] + [0] * codes.continuous if codes else None
            samples.append(sweeps.path(self.generator, (2 * i, 2 * i + 1), steps, None, label, values).samples)
        text = (
            "From the latent of one sample to that of another in equal steps. Smooth change means that the generator has"
            " learned a continuous space of samples rather than a list of them."
        )
        labels = [f"seed {2 * i} to {2 * i + 1}" if self.generator.points else "" for i in range(rows)]
        return self.figure("Interpolation between samples", text, labels, samples)

    def classes(self) -> Figure:
        """A row per class."""
        count = self.generator.num_classes
        shown = np.unique(np.linspace(0, count - 1, min(count, MOST_CLASSES)).astype(int))
        labels = [self.class_names[k] if self.class_names else str(k) for k in shown]
        samples = [self.generator.sample(self.seeds(), labels=k) for k in shown]
        subset = f" Shown are {len(shown)} of {count} classes." if len(shown) < count else ""
        unit = "plot" if self.generator.points else "row"
        text = f"Each {unit} is conditioned on the class in its label.{subset}"
        return self.figure("Samples by class", text, labels, samples)

    def code(self, number: int) -> Figure:
        """One code varies along the columns; points have a scatter plot per value."""
        values = sweeps.values_of(self.generator, number)
        code_sizes = self.generator.codes.categorical if self.generator.codes else ()
        categorical = number < len(code_sizes)
        extent = f"its {len(values)} categories" if categorical else f"{values[0]:g} to {values[-1]:g}"
        title = f"Code {number}: {extent}"
        if self.generator.points:
            labels = [f"{value:g}" for value in values]
            codes = np.full([len(values), self.generator.code_size], np.nan)
            codes[:, number] = values
            samples = [self.generator.sample(self.seeds(), codes=code) for code in codes]
            return self.figure(title, "One value of the code per plot; everything else is random.", labels, samples)
        sheet = sweeps.sweep(self.generator, str(number), np.arange(6))
        text = (
            "Only this code changes along a row, so the difference is what the code has come to mean, which the model found"
            " without labels."
        )
        rows = sheet.samples.reshape(6, len(values), *sheet.samples.shape[1:])
        return self.figure(title, text, [""] * 6, list(rows))

    def section(self, step: int) -> Section:
        """The `Section` of everything that this generator can show; `step` is its checkpoint's."""
        figures = [self.classes()] if self.generator.num_classes else []
        codes = self.generator.codes.size if self.generator.codes else 0
        figures += [self.code(number) for number in range(min(codes, MOST_CODES))]
        figures += [self.truncation(), self.interpolation()]
        text = f"New samples from the checkpoint of step {step:,}."
        return Section("generator", "What the generator makes", text, figures)
