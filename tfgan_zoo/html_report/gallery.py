"""The chapter of pictures that the generator makes now: truncation, the way between latents, classes and codes."""

import numpy as np

from tfgan_zoo import pictures
from tfgan_zoo.html_report.html_page import Figure, Row, Section, picture
from tfgan_zoo.saved_model import sweeps

COLUMNS = 10  # of a row of samples
BOUNDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
MOST_CLASSES, MOST_CODES = 12, 6  # that the page shows
SCATTER, POINTS = 300, 1000  # pixels of a picture of points, and how many points are in it
MANY = 100_000  # of the values of a latent: their largest tells where bounds begin to matter


class Gallery:
    """Draws the figures of one generator.

    Args:
        generator: a `Generator`.
        class_names: one for each class; () where there are none.
        real: the training data where that is points, float32 [N, 2], otherwise None.
    """

    def __init__(self, generator, class_names=(), real=None):
        self.generator, self.class_names, self.real = generator, class_names, real

    def row(self, label, samples):
        """A `Row` of one line of images uint8 [N, H, W, C]."""
        return Row(label, [picture(pictures.grid(samples, len(samples)), "", len(samples), samples.shape[1])])

    def scatter(self, label, points):
        """A tile of points float32 [N, 2]."""
        return picture(pictures.scatter(points, size=SCATTER, real=self.real), label)

    def figure(self, title, text, labels, draws):
        """A `Figure` of a row of images, or a tile of points, for each label; draws: their samples."""
        if self.generator.points:
            tiles = [self.scatter(label, points) for label, points in zip(labels, draws, strict=True)]
            return Figure(title, text, tiles=tiles, wide=True, tile=200)
        return Figure(title, text, rows=[self.row(label, images) for label, images in zip(labels, draws, strict=True)])

    def seeds(self):
        return np.arange(POINTS if self.generator.points else COLUMNS)

    def truncation(self):
        """The same seeds at rising bounds of the latent."""
        count = max(1, MANY // self.generator.noise_size)
        latents = self.generator.latent_inputs(np.arange(min(count, 1000)))
        largest = min(max(np.abs(values).max() for values in latents.values()), self.generator.truncation.none)
        bounds = [*(bound for bound in BOUNDS if bound < largest), None]
        labels = ["no bound" if bound is None else f"{bound:g}" for bound in bounds]
        draws = [self.generator.sample(self.seeds(), bound) for bound in bounds]
        what = "cloud" if self.generator.points else "row"
        text = (
            f"The same random numbers in every {what}, drawn from a range that widens from the first to the last: close to"
            " the middle samples tend to be alike and typical, farther out more varied and odder."
        )
        return self.figure("From typical to varied", text, labels, draws)

    def way(self):
        """Between the latents of two seeds, all else fixed."""
        codes = self.generator.codes
        rows, steps = 4, 400 if self.generator.points else COLUMNS
        draws = []
        for i in range(rows):
            label = i % self.generator.num_classes if self.generator.conditional else None
            values = [i % n for n in codes.categorical] + [0] * codes.continuous if codes else None
            draws.append(sweeps.path(self.generator, (2 * i, 2 * i + 1), steps, None, label, values).samples)
        text = (
            "From one random sample to another in even steps: where the change is smooth, the generator has learned a"
            " continuous space of samples, rather than a list of single ones."
        )
        labels = [f"seed {2 * i} to {2 * i + 1}" if self.generator.points else "" for i in range(rows)]
        return self.figure("On the way from one sample to another", text, labels, draws)

    def classes(self):
        """A row a class."""
        count = self.generator.num_classes
        chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_CLASSES)).astype(int))
        labels = [self.class_names[k] if self.class_names else str(k) for k in chosen]
        draws = [self.generator.sample(self.seeds(), labels=k) for k in chosen]
        more = f" {len(chosen)} of its {count} classes." if len(chosen) < count else ""
        text = f"The generator was asked for one class at a time, here named in front of what it made.{more}"
        return self.figure("Class by class", text, labels, draws)

    def code(self, number):
        """One code varies along the columns; of points, a cloud a value."""
        values = sweeps.values_of(self.generator, number)
        categorical = number < len(self.generator.codes.categorical)
        what = f"its {len(values)} categories" if categorical else f"{values[0]:g} to {values[-1]:g}"
        title = f"Code {number}: {what}"
        if self.generator.points:
            labels = [f"{value:g}" for value in values]
            codes = np.full([len(values), self.generator.code_size], np.nan)
            codes[:, number] = values
            draws = [self.generator.sample(self.seeds(), codes=code) for code in codes]
            return self.figure(title, "One value of the code a picture; all else is drawn.", labels, draws)
        sheet = sweeps.sweep(self.generator, str(number), np.arange(6))
        text = (
            "Only this code changes along a row, and all else stays: what differs is what the code has come to mean, which"
            " nobody told it."
        )
        draws = sheet.samples.reshape(6, len(values), *sheet.samples.shape[1:])
        return self.figure(title, text, [""] * 6, draws)

    def section(self, step):
        """The `Section` of all that this generator can show; step: of its checkpoint."""
        figures = [self.classes()] if self.generator.num_classes else []
        codes = self.generator.codes.size if self.generator.codes else 0
        figures += [self.code(number) for number in range(min(codes, MOST_CODES))]
        figures += [self.truncation(), self.way()]
        return Section(
            "generator", "What the generator makes", f"Drawn anew from the checkpoint of step {step:,}.", figures
        )
