"""Trains a GAN of the zoo, scores it, and exports its generator.

  python -m tfgan_zoo.train --model=sngan                       the quickstart: MNIST digits, minutes on two CPU cores
  python -m tfgan_zoo.train --model=sngan --preset=cifar10      the paper's setting, for GPUs
  python -m tfgan_zoo.train --model=sngan --data=my_pictures    your own: a folder, a .zip or .npz file, tfds:NAME
  python -m tfgan_zoo.train --model=sngan --init_from=runs/other                from what is trained: a run, an export
  python -m tfgan_zoo.train --list                              every model and preset

The same command with the same --workdir, or --workdir alone (or with the same --data), resumes a run that was stopped.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.cli.chosen_recipe import ChosenRecipe
from tfgan_zoo.core.errors import ZooError

flags.adopt_module_key_flags(command_line)

MODEL = flags.DEFINE_string("model", None, "The model: a name from --list.")
PRESET = flags.DEFINE_string("preset", None, "One of the model's recipes: a name from --list; by default quickstart.")
DATA = flags.DEFINE_string(
    "data",
    None,
    "Your pictures: a folder (with one subfolder per class, or none), a .zip file of one, an .npz file, or a source such as "
    "tfds:cifar10. The recipe is fitted to them, and says how; --preset or --config sets which.",
)
CONFIG = flags.DEFINE_string(
    "config", None, "A recipe file of your own (.toml, or a run's recipe.json), instead of --model and --preset."
)
INIT_FROM = flags.DEFINE_string("init_from", None, "Begin with the weights of this run, export or imported run.")
SET = flags.DEFINE_multi_string("set", [], "Changes a value of the recipe: key=value, such as --set steps=500.")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; by default runs/<model>-<time>.")
RESUME = flags.DEFINE_bool("resume", True, "Resume a run of the same recipe in --workdir; --noresume refuses to.")
STRATEGY = flags.DEFINE_string(
    "strategy", "auto", "one device; mirrored: all GPUs; mirrored:2; multi_worker; tpu; auto: by what is there."
)
LIST = flags.DEFINE_bool("list", False, "List the models and presets and exit; --verbose adds how each was run.")
DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "Print the resolved recipe, the networks and an estimate of the memory that training takes, and exit.",
)


def dry_run(recipe: Any, estimate: bool = True) -> None:
    import keras

    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.runs import building
    from tfgan_zoo.training import step_memory
    from tfgan_zoo.training.native_precision import precision

    print(json.dumps(recipe.as_dict(), indent=2))
    data = recipe.data
    if data.resolution and data.channels:  # the shape is known without the data, which may be on another machine
        size = [data.resolution] * 2 if isinstance(data.resolution, int) else data.resolution
        shape, classes = (*size, data.channels), data.classes or 0
        print(f"\n{data.source}, not read: images of {shape}\n")
    else:
        source = load_source(data)
        shape, classes = source.image_shape, source.classes
        print(f"\n{data.source}: {source.size:,} images of {shape}, {classes} classes\n")
    build = building.game_builder(recipe, shape, classes)
    with precision(recipe.precision):
        game = build()
    for network in (game.generator, game.discriminator):
        network.summary(line_length=110)
        print(f"{network.name}: {int(sum(map(keras.ops.size, network.trainable_variables))):,} trainable parameters\n")
    if estimate:
        print(
            "Tracing a step to estimate its memory; of large networks this takes minutes.", file=sys.stderr, flush=True
        )
        print(step_memory.estimate(recipe, build, shape))


def main() -> int:
    from tfgan_zoo.core import catalog

    if LIST.value:
        for model, preset, summary in catalog.listing():
            print(f"{model:<12} {preset:<16} {summary}")
            if command_line.VERBOSE.value:
                print(f"{'':<30}The recipe: {catalog.tried(catalog.preset_file(model, preset))}")
        return 0
    begin = [f"init_from={json.dumps(INIT_FROM.value)}"] if INIT_FROM.value else []
    chosen = ChosenRecipe(MODEL.value, PRESET.value, CONFIG.value, DATA.value, SET.value + begin, WORKDIR.value)
    recipe = chosen.recipe
    if chosen.found:
        print(chosen.found)
    if DRY_RUN.value:
        dry_run(recipe)
        print(chosen.tried())
        return 0
    from tfgan_zoo.cli.next_steps import after_training
    from tfgan_zoo.runs.training_run import TrainingRun
    from tfgan_zoo.training.strategies import cluster

    if not WORKDIR.value and STRATEGY.value in ("auto", "multi_worker") and cluster():
        raise ZooError("give --workdir: several workers train in one folder, and resume there.")
    folder = Path(WORKDIR.value or f"runs/{recipe.model}-{time.strftime('%Y%m%d-%H%M%S')}")
    if not RESUME.value and (folder / "recipe.json").exists():
        raise ZooError(f"{folder} holds a run, and --noresume was given; choose another --workdir.")
    print(f"{recipe.model}: {recipe.summary}\nRun folder: {folder}", flush=True)
    version = (run := TrainingRun(recipe, folder, STRATEGY.value)).execute()
    if run.workers.chief:
        print(after_training(run, version))
    return int(not run.completed)


if __name__ == "__main__":
    command_line.run(main)
