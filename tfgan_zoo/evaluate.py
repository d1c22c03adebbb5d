"""Scores a run's averaged generator against its data, and keeps the scores with their protocol in scores.jsonl.

python -m tfgan_zoo.evaluate --run=runs/my-run
python -m tfgan_zoo.evaluate --run=runs/my-run --checkpoint=best --truncation=0.7
python -m tfgan_zoo.evaluate --run=runs/my-run --scores=distances,class_accuracy
python -m tfgan_zoo.evaluate --run=runs/my-run --features=inception --inception_file=classify_image_graph_def.pb
"""

import dataclasses
import json

from absl import flags

from tfgan_zoo import command_line

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "The run's folder.", required=True)
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "latest, best or a step.")
SCORES = flags.DEFINE_list("scores", None, "Names of scores, a,b; the recipe's where left out.")
FEATURES = flags.DEFINE_string("features", None, "The feature network; the recipe's where left out.")
INCEPTION_FILE = flags.DEFINE_string("inception_file", None, "classify_image_graph_def.pb of 2015, for fid and kid.")
SAMPLES = flags.DEFINE_integer("samples", None, "Images to generate; the recipe's where left out.", lower_bound=2)
SEED = flags.DEFINE_integer("seed", None, "Seed of the first image; the recipe's where left out.", lower_bound=0)
TRUNCATION = flags.DEFINE_float("truncation", None, "Bound of the latent.", lower_bound=0)


def first(*values):
    return next(v for v in values if v is not None)


def main():
    command_line.load_tensorflow()
    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.errors import ZooError
    from tfgan_zoo.metrics.features import feature_network
    from tfgan_zoo.metrics.scores import kinds_of
    from tfgan_zoo.runs import Run, judge_of, players_of
    from tfgan_zoo.serving.signatures import ExportedGenerator

    run = Run(RUN.value)
    settings = run.recipe.evaluation
    names = SCORES.value or settings.scores
    kinds_of(names)  # a mistyped name is told at once
    game, step = run.players(CHECKPOINT.value)
    features = feature_network(
        first(FEATURES.value, settings.features), INCEPTION_FILE.value or settings.inception_file
    )
    samples = first(SAMPLES.value, settings.samples or None, 5000)
    seed = first(SEED.value, settings.seed)
    source = load_source(run.recipe.data)
    if source.fingerprint() != run.dataset["sha256"]:
        raise ZooError(f"{source.name} holds other images now than those that {run.folder} was trained on.")
    judge = judge_of(run.recipe, source, features, samples, seed)
    judge.check(names, game)
    generator = ExportedGenerator(game.generator, game.prior).generator()
    scores = judge.scores(players_of(game, generator, TRUNCATION.value), step, names)
    run.add_scores(scores)
    for score in scores:
        error = "" if score.standard_error is None else f" ± {score.standard_error:.2g}"
        print(f"{score.name} = {score.value:.6g}{error}  (step {score.step:,})")
    for protocol in dict.fromkeys(score.protocol for score in scores):
        named = ", ".join(score.name for score in scores if score.protocol == protocol)
        print(f"protocol of {named}: " + json.dumps(dataclasses.asdict(protocol), indent=2))
    return 0


if __name__ == "__main__":
    command_line.run(main)
