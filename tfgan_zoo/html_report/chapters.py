"""The chapters of a run's report in page order; each is computed only when its turn comes."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.sources import Source, load_source
from tfgan_zoo.html_report.collapses import collapses_section
from tfgan_zoo.html_report.curves import losses_section, singular_values_section
from tfgan_zoo.html_report.event_history import read_history
from tfgan_zoo.html_report.facts import details_of, facts_of
from tfgan_zoo.html_report.gallery import Gallery
from tfgan_zoo.html_report.html_page import COARSE, Figure, Picture, Section, data_uri, render
from tfgan_zoo.html_report.resemblance import resemblance_section
from tfgan_zoo.html_report.score_table import scores_section
from tfgan_zoo.html_report.truncation_sweep import stored_sweep, sweep, truncation_section
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.saved_model.signature_calls import Sampler
from tfgan_zoo.saved_model.signatures import ExportedGenerator

MOST_GRIDS = 12  # sample grids from the course of training that the page shows


class Report:
    """The report of a run; each method is a chapter.

    Args:
        run: the run.
        checkpoint: "latest", "best" or a step: where new samples come from.
        bounds: of a truncation sweep to measure; () shows the sweep in scores.jsonl, if there is one.
        samples: images per bound of the sweep.
        watch: function (list, text) -> the same list, which shows progress.

    Attributes:
        left_out: sentences on what the page lacks and why.
    """

    def __init__(
        self,
        run: Run,
        checkpoint: str | int = "latest",
        bounds: Sequence[float] = (),
        samples: int = 2000,
        watch: Callable[[Iterable, str], Iterable] = lambda parts, text: parts,
    ) -> None:
        self.run, self.bounds, self.samples, self.watch = run, bounds, samples, watch
        self.left_out: list[str] = []
        self.is_points = len(run.dataset["image_shape"]) == 1
        self.history = read_history(run.folder)
        self.generator: Sampler | None = None
        self.step: int | None = None
        if run.checkpoints().steps():
            self.game, self.step = run.players(checkpoint)
            self.generator = ExportedGenerator(self.game.generator, self.game.prior).generator()
        else:
            self.left_out.append("New samples: the run has no checkpoint yet.")

    def html(self) -> str:
        """The whole page."""
        sample_chapters = [self.grids, self.scores, self.gallery, self.copies, self.truncation]
        training_chapters = [self.collapses, self.losses, self.singular_values]
        sections = [chapter() for chapter in self.watch([*sample_chapters, *training_chapters], "Report")]
        facts = facts_of(self.run, self.history, self.step)
        return render(facts, sections, details_of(self.run), self.left_out)

    def grids(self) -> Section:
        """The sample grids that training stored: the last one large, and the course of training."""
        paths = {int(path.stem.split("-")[1]): path for path in (self.run.folder / "samples").glob("step-*.png")}
        if not paths:
            return Section("samples", "Samples")
        steps = sorted(paths)
        shown = [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_GRIDS)).astype(int))]
        sharp = self.is_points or self.run.dataset["image_shape"][0] < COARSE
        pictures = {
            s: Picture(data_uri(paths[s].read_bytes()), f"step {s:,}", sharp=sharp) for s in {*shown, steps[-1]}
        }
        noun = "Points" if self.is_points else "Samples"
        colours = " Gray points are real, blue ones generated." if self.is_points else ""
        last = dataclasses.replace(pictures[steps[-1]], label="")
        figures = [Figure(f"{noun} at step {steps[-1]:,}", f"Not selected by hand.{colours}", tiles=[last], wide=True)]
        if len(shown) > 1:
            text = "The latents are the same in each: what changes is what the generator has learned."
            figures.append(Figure("Over the course of training", text, tiles=[pictures[s] for s in shown], wide=True))
        return Section("samples", "Samples", "", figures)

    def scores(self) -> Section:
        """The stored scores without truncation."""
        return scores_section([score for score in self.run.scores() if score.protocol.truncation is None])

    @functools.cached_property
    def source(self) -> Source | None:
        """The data that the run was trained on; None if it is unavailable, with the reason in `left_out`."""
        try:
            source = load_source(self.run.recipe.data)
            if self.run.dataset["sha256"] not in (None, source.fingerprint()):
                raise ZooError(f"{source.name} holds other images now than those that the run was trained on.")
            made = self.generator and tuple(self.game.generator.output_shape[1:])
            if made and made != source.image_shape:
                raise ZooError(
                    f"at step {self.step:,} the run is still growing and makes images of {made[0]}x{made[1]}."
                )
            return source
        except (ZooError, OSError) as error:
            self.left_out.append(f"Comparisons with the training data: {error}")
            return None

    def gallery(self) -> Section:
        """New samples from the checkpoint."""
        if not self.generator or self.step is None:
            return Section("generator", "What the generator makes")
        real = np.asarray(self.source.images) if self.is_points and self.source else None
        return Gallery(self.generator, self.run.dataset["class_names"], real).section(self.step)

    def copies(self) -> Section:
        """Nearest training images, and near-duplicates among samples."""
        if self.is_points or not self.generator or not self.source:
            return Section("copies", "Does it copy?")
        section, left_out = resemblance_section(self.generator, self.source.images, self.run.recipe.evaluation)
        self.left_out += left_out
        return section

    def truncation(self) -> Section:
        """The truncation sweep: measured now if there are bounds, otherwise as stored."""
        if not (self.bounds and self.generator and self.source):
            return truncation_section(stored_sweep(self.run.scores()))
        results = sweep(self.run, self.game, self.generator, self.source, self.bounds, self.samples)
        return truncation_section(results, self.samples)

    def collapses(self) -> Section:
        """What the collapse guard recorded."""
        return collapses_section(self.run.collapses())

    def losses(self) -> Section:
        """Losses, norms, accuracies, learning rates and speed."""
        return losses_section(self.history)

    def singular_values(self) -> Section:
        """Singular values of the kernels."""
        return singular_values_section(self.history)
