"""Scores a run, an export or a folder of images, each score with its protocol and a bootstrapped interval.

python -m tfgan_zoo.evaluate --run=runs/my-run
python -m tfgan_zoo.evaluate --run=runs/my-run --checkpoint=best --metrics=distances,precision_recall,ms_ssim
python -m tfgan_zoo.evaluate --run=runs/my-run --truncation=0.5 --truncation=1 --metrics=distances,inception_score
python -m tfgan_zoo.evaluate --run=runs/my-run --protocol=fid50k_full --inception_file=classify_image_graph_def.pb
python -m tfgan_zoo.evaluate --export=export/sngan_mnist --samples=1000
python -m tfgan_zoo.evaluate --images=my_pictures --against=mnist5k --metrics=distances,density_coverage
python -m tfgan_zoo.evaluate --compare=runs/one,runs/other
"""

from absl import flags

from tfgan_zoo.cli import command_line

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "A run's folder; its scores.jsonl keeps what is found.")
EXPORT = flags.DEFINE_string("export", None, "A model's folder of an export, or one version of it.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load an export whose files or graph are refused.")
IMAGES = flags.DEFINE_string("images", None, "A folder of images, or a source such as arrays:FILE.npz.")
COMPARE = flags.DEFINE_list("compare", None, "Two runs' folders: their last scores side by side; nothing is measured.")
AGAINST = flags.DEFINE_string(
    "against", None, "The real data, such as mnist5k or folder:DIR; the recipe's if left out."
)
SPLIT = flags.DEFINE_string("split", None, "Of the real data; the recipe's where left out.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Of a run: latest, best or a step.")
METRICS = flags.DEFINE_list("metrics", None, "Names of scores, a,b; those of the protocol or recipe where left out.")
PROTOCOL = flags.DEFINE_string(
    "protocol", None, "A named setting, such as fid50k_full or swd16k; what is given beside wins."
)
FEATURES = flags.DEFINE_string("features", None, "The feature network; the recipe's where left out.")
INCEPTION_FILE = flags.DEFINE_string("inception_file", None, "The weights of an Inception network, from your disk.")
SAMPLES = flags.DEFINE_integer("samples", None, "Images to generate; the recipe's where left out.", lower_bound=2)
SEED = flags.DEFINE_integer("seed", None, "Seed of the first image; the recipe's where left out.", lower_bound=0)
TRUNCATION = flags.DEFINE_multi_float("truncation", None, "Bound of the latent; given again, a sweep.", lower_bound=0)
CHANNELS = flags.DEFINE_integer("channels", None, "Likewise: 1 for gray, 3 for RGB.", lower_bound=1, upper_bound=4)
RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "That the real and the given images are brought to.", lower_bound=1
)
STRATEGY = flags.DEFINE_string(
    "strategy", "one", "Where features are taken: one device, mirrored over all GPUs, mirrored:2."
)
RESAMPLES = flags.DEFINE_integer("resamples", 200, "Of the bootstrap behind each interval; 0 for none.", lower_bound=0)

EVERY = 2**40  # real images: all of them


def asked(recipe):
    """(data settings, evaluation settings, names of scores) that the flags ask for, over those of a recipe or None."""
    from tfgan_zoo.core.errors import ZooError
    from tfgan_zoo.core.recipe_tables import DataSettings, EvaluationSettings
    from tfgan_zoo.metrics.named_protocols import preset
    from tfgan_zoo.metrics.score_registry import kinds_of

    if not (recipe or AGAINST.value):
        raise ZooError("against which data? Give --against, such as --against=mnist5k.")
    evaluation, data = (recipe.evaluation, recipe.data) if recipe else (EvaluationSettings(), DataSettings())
    changes, names = {}, evaluation.scores
    if PROTOCOL.value:
        chosen = preset(PROTOCOL.value)
        changes = {"features": chosen.features, "samples": chosen.samples, "real_images": chosen.reals or EVERY}
        names = chosen.scores
    elif not evaluation.samples:
        changes = {"samples": 5000}
    flags_given = {"features": FEATURES, "inception_file": INCEPTION_FILE, "samples": SAMPLES, "seed": SEED}
    changes |= {key: flag.value for key, flag in flags_given.items() if flag.value is not None}
    if changes.get("features", evaluation.features) != evaluation.features:
        changes.setdefault("inception_file", None)  # the recipe's is another network's
    names = METRICS.value or names
    kinds_of(names)  # a mistyped name is told at once
    places = {"source": AGAINST, "split": SPLIT, "resolution": RESOLUTION, "channels": CHANNELS}
    data = data.model_copy(update={key: flag.value for key, flag in places.items() if flag.value is not None})
    return data, evaluation.model_copy(update=changes), names


def main():
    command_line.load_tensorflow()
    from tfgan_zoo.core.errors import ZooError
    from tfgan_zoo.metrics.features import feature_network
    from tfgan_zoo.runs import targets
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.training.strategies import make_strategy

    if sum(map(bool, (RUN.value, EXPORT.value, IMAGES.value, COMPARE.value))) != 1:
        raise ZooError("give one of --run, --export, --images and --compare; see --help.")
    if 0 < RESAMPLES.value < 40:
        raise ZooError(f"--resamples={RESAMPLES.value}: a 95 % interval needs 40 or more, better 200; 0 for none.")
    if COMPARE.value:
        if len(COMPARE.value) != 2:
            raise ZooError(f"--compare={','.join(COMPARE.value)}: expected two runs' folders.")
        print(*targets.comparison(*map(Run, COMPARE.value)), sep="\n")
        return 0
    if IMAGES.value:
        data, evaluation, names = asked(None)
        wanted = evaluation.samples if PROTOCOL.value else SAMPLES.value
        target = targets.ImagesTarget(IMAGES.value, data, wanted, evaluation.seed)
        evaluation = evaluation.model_copy(update={"samples": len(target.order)})
    else:
        run, export = RUN.value, EXPORT.value
        target = targets.RunTarget(run, CHECKPOINT.value) if run else targets.ExportTarget(export, UNSAFE.value)
        data, evaluation, names = asked(target.recipe)
    with make_strategy(STRATEGY.value).scope():
        network = feature_network(evaluation.features, evaluation.inception_file)
    own = target.recipe is not None and data == target.recipe.data
    evaluator = targets.make_evaluator(data, network, evaluation, None, RESAMPLES.value, command_line.watched, own)
    target.check_source(evaluator.source, data)
    evaluator.check(names, target.players())
    scores = []
    for bound in TRUNCATION.value or [None]:
        scores += evaluator.scores(target.players(bound), target.step, names)
        target.keep(scores)  # of the bounds so far
    print(*targets.described(scores), sep="\n")
    return 0


if __name__ == "__main__":
    command_line.run(main)
