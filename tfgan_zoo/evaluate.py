"""Scores a run, an export or a folder of images; each score has its protocol and a bootstrapped interval.

python -m tfgan_zoo.evaluate --run=runs/my-run --checkpoint=best --metrics=distances,precision_recall,ms_ssim
python -m tfgan_zoo.evaluate --run=runs/my-run --truncation=0.5 --truncation=1
python -m tfgan_zoo.evaluate --run=runs/my-run --protocol=fid50k_full --inception_file=classify_image_graph_def.pb
python -m tfgan_zoo.evaluate --export=export/sngan_mnist --samples=1000
python -m tfgan_zoo.evaluate --images=my_pictures --against=mnist5k --metrics=distances,density_coverage
python -m tfgan_zoo.evaluate --compare=runs/one,runs/other

What is not given comes from the recipe of the run or export.
"""

from typing import Any

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.core.errors import ZooError

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "Score this run; the scores are added to its scores.jsonl.")
EXPORT = flags.DEFINE_string("export", None, "Score this export: a model's folder, or one version of it.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load the export even if its files or graph fail the safety checks.")
IMAGES = flags.DEFINE_string("images", None, "Score these images: a folder, or a source such as arrays:FILE.npz.")
COMPARE = flags.DEFINE_list("compare", None, "Two runs' folders: prints their latest scores and measures nothing.")
AGAINST = flags.DEFINE_string("against", None, "The real images to compare with, such as mnist5k or folder:DIR.")
SPLIT = flags.DEFINE_string("split", None, "The split of the real images.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Which checkpoint of the run: latest, best or a step.")
METRICS = flags.DEFINE_list("metrics", None, "Names of scores; by default those of the protocol or recipe.")
PROTOCOL = flags.DEFINE_string(
    "protocol", None, "A named protocol, such as fid50k_full or swd16k; other flags override its settings."
)
FEATURES = flags.DEFINE_string("features", None, "The feature network.")
INCEPTION_FILE = flags.DEFINE_string("inception_file", None, "File with the weights of an Inception network.")
SAMPLES = flags.DEFINE_integer("samples", None, "How many images to generate.", lower_bound=2)
SEED = flags.DEFINE_integer("seed", None, "Seed of the first generated image.", lower_bound=0)
TRUNCATION = flags.DEFINE_multi_float("truncation", None, "Of |z|, or psi (see the card); repeat for a sweep.", 0)
CHANNELS = flags.DEFINE_integer(
    "channels", None, "Channels to convert the images to: 1 for gray, 3 for RGB.", lower_bound=1, upper_bound=4
)
RESOLUTION = flags.DEFINE_integer("resolution", None, "Resolution to resize the images to.", lower_bound=1)
STRATEGY = flags.DEFINE_string("strategy", "one", "Devices for features: one; mirrored: all GPUs; mirrored:2: two.")
RESAMPLES = flags.DEFINE_integer("resamples", 200, "Bootstrap resamples per interval; 0 for none.", lower_bound=0)

ALL_REALS = 2**40  # more than any data set has


def requested(recipe: Any) -> tuple[Any, Any, Any]:
    """(data settings, evaluation settings, names of scores): those of a recipe, or None, as the flags change them."""
    from tfgan_zoo.core.recipe_tables import DataSettings, EvaluationSettings
    from tfgan_zoo.metrics.named_protocols import preset
    from tfgan_zoo.metrics.score_registry import kinds_of
    from tfgan_zoo.runs.targets import changed_data

    if not (recipe or AGAINST.value):
        raise ZooError("no real images to compare with: give --against, such as --against=mnist5k.")
    evaluation, data = (recipe.evaluation, recipe.data) if recipe else (EvaluationSettings(), DataSettings())
    changes, names = {}, evaluation.scores
    if PROTOCOL.value:
        named = preset(PROTOCOL.value)
        changes = {"features": named.features, "samples": named.samples, "real_images": named.reals or ALL_REALS}
        names = named.scores
    elif not evaluation.samples:
        changes = {"samples": 5000}
    flags_given = {"features": FEATURES, "inception_file": INCEPTION_FILE, "samples": SAMPLES, "seed": SEED}
    changes |= {key: flag.value for key, flag in flags_given.items() if flag.value is not None}
    if changes.get("features", evaluation.features) != evaluation.features:
        changes.setdefault("inception_file", None)  # the recipe's file is for the recipe's network
    names = METRICS.value or names
    kinds_of(names)  # reports a mistyped name before anything is loaded
    places = {"source": AGAINST, "split": SPLIT, "resolution": RESOLUTION, "channels": CHANNELS}
    data = changed_data(data, {key: flag.value for key, flag in places.items() if flag.value is not None})
    return data, evaluation.model_copy(update=changes), names


def main() -> int:
    command_line.load_tensorflow()
    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.runs import targets
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.runs.scoring_network import network_of
    from tfgan_zoo.training.strategies import make_strategy

    if sum(map(bool, (RUN.value, EXPORT.value, IMAGES.value, COMPARE.value))) != 1:
        raise ZooError("give exactly one of --run, --export, --images and --compare; see --help.")
    if 0 < RESAMPLES.value < 40:
        raise ZooError(f"--resamples={RESAMPLES.value}: an interval needs at least 40; use 200, or 0 for no interval.")
    if COMPARE.value:
        if len(COMPARE.value) != 2:
            raise ZooError(f"--compare={','.join(COMPARE.value)}: expected two runs' folders.")
        print(*targets.comparison(*map(Run, COMPARE.value)), sep="\n")
        return 0
    target: Any
    if IMAGES.value:
        data, evaluation, names = requested(None)
        count = evaluation.samples if PROTOCOL.value else SAMPLES.value
        target = targets.ImagesTarget(IMAGES.value, data, count, evaluation.seed)
        evaluation = evaluation.model_copy(update={"samples": len(target.order)})
    else:
        run, export = RUN.value, str(EXPORT.value)
        target = targets.RunTarget(run, CHECKPOINT.value) if run else targets.ExportTarget(export, UNSAFE.value)
        data, evaluation, names = requested(target.recipe)
    source = load_source(data)
    with make_strategy(STRATEGY.value, several_workers=False).scope():
        network = network_of(evaluation, source.image_shape, source.class_names)
    own_data, progress = target.recipe is not None and data == target.recipe.data, command_line.with_progress
    evaluator = targets.make_evaluator(data, network, evaluation, source, RESAMPLES.value, progress, own_data)
    target.check_source(source, data)
    evaluator.check(names, target.players())
    scores, problems = targets.sweep(target, evaluator, names, TRUNCATION.value or [None])
    print(*targets.described(scores), sep="\n", flush=True)
    if problems:
        raise ZooError("\n".join(problems))
    return 0


if __name__ == "__main__":
    command_line.run(main)
