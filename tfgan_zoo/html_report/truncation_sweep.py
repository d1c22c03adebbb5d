"""The chapter on truncation: fidelity against diversity. BigGAN, arXiv:1809.11096, 3.1."""

import dataclasses
from collections.abc import Sequence

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.core.game import Game
from tfgan_zoo.data.sources import Source
from tfgan_zoo.html_report import plots
from tfgan_zoo.html_report.html_page import Figure, Section
from tfgan_zoo.html_report.score_table import number
from tfgan_zoo.metrics.players import Players
from tfgan_zoo.metrics.protocol import Evaluator, Score
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.runs.run_folder import Run
from tfgan_zoo.runs.scoring_network import network_of
from tfgan_zoo.runs.targets import make_evaluator, players_of
from tfgan_zoo.saved_model.signature_calls import Sampler

SCORES = ("distances", "inception_score")

Sweep = list[tuple[float, dict[str, float]]]  # [(truncation, {score name: value})], ascending


def stored_sweep(scores: Sequence[Score]) -> Sweep:
    """The truncated scores of the last step that has any.

    For each score name, only those of its latest protocol are used; they may differ in the truncation alone.
    """
    scores = [score for score in scores if score.protocol.truncation is not None]
    last = max((score.step for score in scores), default=0)
    scores = [score for score in scores if score.step == last]
    protocols = {score.name: dataclasses.replace(score.protocol, truncation=None) for score in scores}
    results: dict[float, dict[str, float]] = {}
    for score in scores:
        bound = score.protocol.truncation
        if bound is not None and dataclasses.replace(score.protocol, truncation=None) == protocols[score.name]:
            results.setdefault(bound, {})[score.name] = score.value
    return sorted(results.items())


def sweep(run: Run, game: Game, generator: Sampler, source: Source, bounds: Sequence[float], samples: int) -> Sweep:
    """Measures a checkpoint's generator at each truncation, with the recipe's feature network.

    Args:
        run: the run.
        game: the run's game in float32.
        generator: samples from it.
        source: the training data.
        bounds: values of truncation, above 0.
        samples: images to generate at each.

    Raises:
        ZooError: the feature network is missing, or cannot read the data.
    """
    evaluation = run.recipe.evaluation.model_copy(update={"samples": samples})
    network = network_of(evaluation, source.image_shape, source.class_names)
    evaluator = make_evaluator(run.recipe.data, network, evaluation, source)
    names = [name for name in SCORES if can_take(evaluator, name, players_of(game, generator))] or SCORES[:1]
    return [
        (bound, {s.name: s.value for s in evaluator.scores(players_of(game, generator, bound), 0, names)})
        for bound in sorted(bounds)
    ]


def can_take(evaluator: Evaluator, name: str, players: Players) -> bool:
    """Whether a score can be taken of these players."""
    try:
        evaluator.check([name], players)
    except ZooError:
        return False
    return True


def truncation_section(results: Sweep, samples: int | None = None) -> Section:
    """The `Section` of a sweep, without figures if it is empty; `samples` at each value, if it was measured for the page."""
    names = list(dict.fromkeys(name for _, values in results for name in values))
    figures = []
    for name in names:
        points = [(bound, values[name]) for bound, values in results if name in values]
        better = direction(name).capitalize()
        plot = plots.curves(
            {name: ([bound for bound, _ in points], [value for _, value in points])},
            xlabel="truncation",
            marks=True,
        )
        figures.append(Figure(f"{name} against truncation", f"{better} is better." if better else "", plot))
    distance = next((n for n in names if n.startswith(("fd_", "fid", "clean_fid"))), None)
    inception = next((n for n in names if n.startswith(("is_", "inception_score"))), None)
    if distance and inception:
        both = [
            (values[inception], values[distance]) for _, values in results if {inception, distance} <= values.keys()
        ]
        curve = [x for x, _ in both], [y for _, y in both]
        plot = plots.curves({distance: curve}, xlabel=inception, marks=True, ticks=False)
        text = "One point per truncation value, in ascending order; good is to the lower right."
        figures.append(Figure(f"{distance} against {inception}", text, plot))
    if names:
        rows = [[f"{bound:g}", *(number(v[n]) if n in v else "" for n in names)] for bound, v in results]
        figures.append(Figure("The same as numbers", table=(["truncation", *names], rows), wide=True))
    counted = f" Each value has {samples:,} samples, so the scores above are not comparable." if samples else ""
    text = (
        "Small values of truncation give typical samples, large ones diverse samples. A Fréchet distance counts both odd"
        f" samples and missing diversity, so it is often lowest in between.{counted}"
    )
    return Section("truncation", "Scores under truncation", text, figures)
