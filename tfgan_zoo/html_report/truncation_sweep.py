"""The chapter of the truncation sweep: quality against variety as the latent's bound moves. BigGAN, arXiv:1809.11096, 3.1."""

import dataclasses

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.html_report import plots
from tfgan_zoo.html_report.html_page import Figure, Section
from tfgan_zoo.html_report.score_table import number
from tfgan_zoo.metrics.features import feature_network
from tfgan_zoo.metrics.score_registry import direction
from tfgan_zoo.runs.targets import make_evaluator, players_of

SCORES = ("distances", "inception_score")


def stored_sweep(scores):
    """[(bound, {score name: value})] of the `Score`s taken with a truncation, at the last step that has any.

    Of each score those count that were taken as the last one was, the bound aside.
    """
    scores = [score for score in scores if score.protocol.truncation is not None]
    last = max((score.step for score in scores), default=0)
    scores = [score for score in scores if score.step == last]
    alike = {score.name: dataclasses.replace(score.protocol, truncation=None) for score in scores}
    found = {}
    for score in scores:
        if dataclasses.replace(score.protocol, truncation=None) == alike[score.name]:
            found.setdefault(score.protocol.truncation, {})[score.name] = score.value
    return sorted(found.items())


def sweep(run, game, generator, source, bounds, samples):
    """[(bound, {score name: value})] of a checkpoint's generator, measured by the recipe's feature network.

    Args:
        run: a `Run`; game, generator, source: its `Game` in float32, its `Generator` and its training data.
        bounds: of the latent, numbers above 0.
        samples: images to generate at each.

    Raises:
        ZooError: the feature network is not there, or cannot read the data.
    """
    evaluation = run.recipe.evaluation.model_copy(update={"samples": samples})
    network = feature_network(evaluation.features, evaluation.inception_file)
    evaluator = make_evaluator(run.recipe.data, network, evaluation, source)
    names = [name for name in SCORES if can_take(evaluator, name, players_of(game, generator))] or SCORES[:1]
    return [
        (bound, {s.name: s.value for s in evaluator.scores(players_of(game, generator, bound), 0, names)})
        for bound in sorted(bounds)
    ]


def can_take(evaluator, name, players):
    try:
        evaluator.check([name], players)
    except ZooError:
        return False
    return True


def truncation_section(found, samples=None):
    """The `Section` of [(bound, {score name: value})], without figures where there are none; samples: taken at each."""
    names = list(dict.fromkeys(name for _, values in found for name in values))
    figures = []
    for name in names:
        points = [(bound, values[name]) for bound, values in found if name in values]
        better = direction(name).capitalize()
        plot = plots.curves({name: tuple(zip(*points, strict=True))}, xlabel="bound of the latent", marks=True)
        figures.append(Figure(f"{name} against the bound", f"{better} is better." if better else "", plot))
    distance = next((n for n in names if n.startswith(("fd_", "fid", "clean_fid"))), None)
    variety = next((n for n in names if n.startswith(("is_", "inception_score"))), None)
    if distance and variety:
        both = [(values[variety], values[distance]) for _, values in found if {variety, distance} <= values.keys()]
        plot = plots.curves({distance: tuple(zip(*both, strict=True))}, xlabel=variety, marks=True, ticks=False)
        text = "A point a bound, from the narrowest to the widest: good is to the right and below."
        figures.append(Figure(f"{distance} against {variety}", text, plot))
    if names:
        rows = [[f"{bound:g}", *(number(v[n]) if n in v else "" for n in names)] for bound, v in found]
        figures.append(Figure("The same in numbers", table=(["bound", *names], rows), wide=True))
    counted = f" {samples:,} samples at each bound, so these do not compare with the scores above." if samples else ""
    text = (
        "A narrow range of random numbers gives typical samples, a wide one varied samples. A distance to the real data"
        f" counts both odd samples and missing variety, so it is often lowest somewhere in between.{counted}"
    )
    return Section("truncation", "Typical against varied, in numbers", text, figures)
