"""The chapters of a run's report in their order, each made only when it is its turn."""

import dataclasses
import functools
import re

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.html_report.collapses import collapses_section
from tfgan_zoo.html_report.curves import losses_section, singular_values_section
from tfgan_zoo.html_report.event_history import read_history
from tfgan_zoo.html_report.facts import details_of, facts_of
from tfgan_zoo.html_report.gallery import Gallery
from tfgan_zoo.html_report.html_page import COARSE, Figure, Picture, Section, data_uri, render
from tfgan_zoo.html_report.resemblance import resemblance_section
from tfgan_zoo.html_report.score_table import scores_section
from tfgan_zoo.html_report.truncation_sweep import stored_sweep, sweep, truncation_section
from tfgan_zoo.saved_model.signatures import ExportedGenerator

MOST_GRIDS = 12  # over the training that the page shows


class Report:
    """Everything that a report tells of a run; each method is a chapter.

    Args:
        run: a `Run`.
        checkpoint: "latest", "best" or a step, for the pictures drawn anew.
        bounds: for the truncation sweep; () for those in scores.jsonl, if any.
        samples: images of the sweep at each bound.
        watch: function (list, text) -> the same list, telling of progress through it.
    """

    def __init__(self, run, checkpoint="latest", bounds=(), samples=2000, watch=lambda parts, text: parts):
        self.run, self.bounds, self.samples, self.watch = run, bounds, samples, watch
        self.left_out = []
        self.is_points = len(run.dataset["image_shape"]) == 1
        self.history = read_history(run.folder)
        self.generator = self.step = None
        if run.checkpoints().steps():
            self.game, self.step = run.players(checkpoint)
            self.generator = ExportedGenerator(self.game.generator, self.game.prior).generator()
        else:
            self.left_out.append("Pictures drawn anew: the run has no checkpoint yet.")

    def html(self):
        """The page."""
        of_samples = [self.grids, self.scores, self.gallery, self.copies, self.truncation]
        of_training = [self.collapses, self.losses, self.singular_values]
        sections = [chapter() for chapter in self.watch([*of_samples, *of_training], "Report")]
        facts = facts_of(self.run, self.history, self.step)
        return render(facts, sections, details_of(self.run), self.left_out)

    def grids(self):
        paths = {int(re.search(r"\d+", p.stem)[0]): p for p in (self.run.folder / "samples").glob("step-*.png")}
        if not paths:
            return Section("samples", "Samples")
        steps = sorted(paths)
        chosen = [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_GRIDS)).astype(int))]
        sharp = self.is_points or self.run.dataset["image_shape"][0] < COARSE
        pictures = {
            s: Picture(data_uri(paths[s].read_bytes()), f"step {s:,}", sharp=sharp) for s in {*chosen, steps[-1]}
        }
        what = "Points" if self.is_points else "Samples"
        seen = " Gray: the real points; blue: the generated ones." if self.is_points else ""
        last = dataclasses.replace(pictures[steps[-1]], label="")
        figures = [Figure(f"{what} at step {steps[-1]:,}", f"None was picked.{seen}", tiles=[last], wide=True)]
        if len(chosen) > 1:
            text = "The same random numbers each time: what changes is what the generator has learned."
            figures.append(Figure("As the training went on", text, tiles=[pictures[s] for s in chosen], wide=True))
        return Section("samples", "Samples", "", figures)

    def scores(self):
        return scores_section([score for score in self.run.scores() if score.protocol.truncation is None])

    @functools.cached_property
    def source(self):
        """The `Source` that the run was trained on; None where it cannot be had, which is then told."""
        try:
            source = load_source(self.run.recipe.data)
            if self.run.dataset["sha256"] not in (None, source.fingerprint()):
                raise ZooError(f"{source.name} holds other images now than those that the run was trained on.")
            made = self.generator and tuple(self.game.generator.output_shape[1:])
            if made and made != source.image_shape:
                raise ZooError(f"at step {self.step:,} the run grows still, and makes images of {made[0]}x{made[1]}.")
            return source
        except (ZooError, OSError) as error:
            self.left_out.append(f"What needs the training data: {error}")

    def gallery(self):
        if not self.generator:
            return Section("generator", "What the generator makes")
        real = self.source.images if self.is_points and self.source else None
        return Gallery(self.generator, self.run.dataset["class_names"], real).section(self.step)

    def copies(self):
        if self.is_points or not self.generator or not self.source:
            return Section("copies", "Does it copy?")
        section, left_out = resemblance_section(self.generator, self.source.images, self.run.recipe.evaluation)
        self.left_out += left_out
        return section

    def truncation(self):
        if not (self.bounds and self.generator and self.source):
            return truncation_section(stored_sweep(self.run.scores()))
        found = sweep(self.run, self.game, self.generator, self.source, self.bounds, self.samples)
        return truncation_section(found, self.samples)

    def collapses(self):
        return collapses_section(self.run.collapses())

    def losses(self):
        return losses_section(self.history)

    def singular_values(self):
        return singular_values_section(self.history)
