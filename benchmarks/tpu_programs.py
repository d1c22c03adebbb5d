"""Compiles every model's training step for TPUs, on a machine that has none, and says what the compiler says of it.

    python -m benchmarks.tpu_programs
    python -m benchmarks.tpu_programs --models=sngan,biggan --recipes=quickstart --topologies=v5e:2x2

A program is one step of a recipe on one replica: all updates of both players and the moving average, in the recipe's precision; lazy terms, which are
programs of their own, and the input pipeline are left out. It is lowered to HLO by TensorFlow and compiled by libtpu, which a second
environment holds (--environment, made if it is not there). On one chip it takes the whole batch, or, where that does not fit
into the chip's memory, half of it, and so on; on four chips a quarter of the batch, and the all-reduces stand in the program.
Of a recipe that accumulates gradients the program takes one part of the batch.
The paper's recipe is the model's preset of the largest images up to --side. Programs that --folder holds already are not compiled again: give another folder after a
change of the code. Figures of programs that are not asked for stay.
Exits with 1 if a program did not compile.
"""

import dataclasses
import json
import math
import re
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks import results
from tfgan_zoo.core import catalog

PACKAGES = ("jax==0.10.2", "jaxlib==0.10.2", "libtpu==0.0.42.1")
COMPILER = Path(__file__).with_name("tpu_compiler.py")
SMALLEST = 1 / 64  # of a batch, to be tried on one chip
TOPOLOGIES = ("v5e:2x2", "v5p:2x2x1", "v4:2x2x1")


def whole_recipe(model, preset):
    """The `Recipe` of a preset."""
    from tfgan_zoo.core import recipe

    return catalog.completed(recipe.parse({"model": model, **catalog.recipe_table(catalog.preset_file(model, preset))}))


def recipe_of(model, preset, share=1.0, chips=1):
    """The `Recipe` of a preset with `share` of its batches, or of their accumulated parts, each divisible by the number of chips."""
    found = whole_recipe(model, preset)

    def scaled(size):
        return size and max(round(size * share / (chips * found.accumulation)), 1) * chips

    batches = {name: scaled(getattr(found, name)) for name in ("batch_size", "generator_batch_size")}
    stages = tuple(stage.model_copy(update={"batch_size": scaled(stage.batch_size)}) for stage in found.stages)
    precision = "mixed_bfloat16" if found.precision == "auto" else found.precision
    fixed = {"accumulation": 1, "jit_compile": False, "precision": precision}
    return found.model_copy(update={**batches, "stages": stages, **fixed})


def side_of(model, preset):
    """The side of a preset's images in pixels; 0 for points, 28 where the data says it."""
    data = catalog.recipe_table(catalog.preset_file(model, preset)).get("data", {})
    side = 0 if data.get("source", "").startswith("toy:") else data.get("resolution") or 28
    return max(side) if isinstance(side, list) else side


def paper_preset(model, largest):
    """The preset of the largest images, up to `largest` pixels, apart from those for CPUs; the first of equals."""
    presets = [name for name in catalog.preset_files(model) if name not in ("quickstart", "emoji")]
    return max(presets, key=lambda name: (side := side_of(model, name)) * (side <= largest))


def source_for(recipe):
    """A `Source` of black images of the recipe's shape: what is compiled depends on shapes alone."""
    import numpy as np

    from tfgan_zoo.data.sources import Source, load_source

    data = recipe.data
    if not (data.resolution and data.channels):
        return load_source(data)
    size = [data.resolution] * 2 if isinstance(data.resolution, int) else data.resolution
    count, classes = 1 if not data.classes else data.classes, data.classes or 0
    labels = np.arange(count, dtype=np.int32) if classes else None
    return Source(
        data.source,
        np.zeros([count, *size, data.channels], np.uint8),
        labels,
        tuple(map(str, range(classes))),
        np.arange(count) if data.labels_per_class else None,
    )


def one_program(chips):
    """A strategy whose step is one XLA program for all replicas, as TPUStrategy's is, with XLA's own all-reduce."""
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops
    from tensorflow.python.distribute import distribute_lib, one_device_strategy, tpu_strategy

    class Extended(one_device_strategy.OneDeviceExtended):
        @property
        def _num_replicas_in_sync(self):
            return chips

        def _use_merge_call(self):
            return False

        def _replica_ctx_all_reduce(self, operation, values, options=None):
            def reduced(value):
                groups = [list(range(chips))]
                total = gen_xla_ops.xla_all_reduce(value, groups, "Add", "CrossReplica")
                return total / chips if operation == tf.distribute.ReduceOp.MEAN else total

            return tf.nest.map_structure(reduced, values)

        def _call_for_each_replica(self, function, arguments, named):
            # TPUStrategy's own context gathers rows by an all-reduce.
            with tpu_strategy._TPUReplicaContext(self._container_strategy(), gen_xla_ops.xla_replica_id()):
                return function(*arguments, **named)

    class OneProgram(distribute_lib.Strategy):
        def __init__(self):
            super().__init__(Extended(self, "/cpu:0"))

    return OneProgram() if chips > 1 else tf.distribute.get_strategy()


def lower(model, preset, share, chips, path):
    """Writes the serialized HLO of a step to `path`. Returns its global batch and the number of trainable weights."""
    import tensorflow as tf

    from tfgan_zoo.data.pipeline import batches
    from tfgan_zoo.data.training_view import measured_once
    from tfgan_zoo.runs.building import game_builder
    from tfgan_zoo.training.trainer import Trainer

    recipe = recipe_of(model, preset, share, chips)
    source, stage, strategy = source_for(recipe), recipe.schedule[-1], one_program(chips)
    trainer = Trainer(recipe, game_builder(recipe, source.image_shape, source.classes), strategy)
    trainer.game.enter(stage)
    measurement = recipe.data.measurement
    measure = None if measurement.unmeasure else measured_once(measurement, source.image_shape)
    if stage.resolution:
        source = dataclasses.replace(source, images=source.at(stage.resolution).images)
    data = batches(
        source.images, source.labels, stage.batch_size, 0, replicas=chips, labelled=source.labelled, measure=measure
    )

    def step(shares, number, fraction):
        return strategy.run(trainer.replica_step, (shares, number, fraction))

    shapes = [data.element_spec] * recipe.discriminator_steps
    shares = tf.nest.map_structure(lambda spec: tf.zeros(spec.shape, spec.dtype), shapes)
    ir = tf.function(step, jit_compile=True, autograph=False).experimental_get_compiler_ir(
        shares, tf.constant(0, tf.int64), tf.constant(0.0)
    )
    path.write_bytes(ir(stage="hlo_serialized"))
    weights = [*trainer.game.generator.trainable_variables, *trainer.game.discriminator.trainable_variables]
    return {
        "batch_size": stage.batch_size,
        "chips": chips,
        "precision": recipe.precision,
        "weights": sum(math.prod(w.shape) for w in weights),
    }


def environment(folder):
    """The Python of the environment that holds libtpu."""
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        (folder / "complete").touch()
    return python


def run(command, log):
    """Runs a command with its output in the file `log`. Returns the last line of it after a failure, else None."""
    with log.open("w") as file:
        done = subprocess.run([str(c) for c in command], stdout=file, stderr=subprocess.STDOUT, cwd=results.ROOT)
    return log.read_text(errors="replace").strip().splitlines()[-1][:500] if done.returncode else None


def program(model, preset, topology, chips, folder, python, effort=0.0):
    """What the compiler says of a recipe's step: {"batch_size", "memory", "flops", ...} or {"failed": why}; None if it is to be
    compiled and `python` is None."""
    share = 1.0
    while share >= SMALLEST:
        name = f"{model}-{preset}-{share:g}-{chips}"
        step, facts = folder / f"{name}.hlo", folder / f"{name}.json"
        result = folder / f"{name}-{topology.replace(':', '-')}.json"
        if not result.exists():
            if python is None:
                return None
            if not (step.exists() and facts.exists()):
                own = [sys.executable, "-m", "benchmarks.tpu_programs", "--lower", model, preset, share, chips, step]
                if why := run(own, folder / f"{name}.log"):
                    return {"failed": f"TensorFlow: {why}"}
            if why := run([python, COMPILER, step, topology, chips, effort, result], folder / f"{name}.compile.log"):
                return {"failed": f"libtpu: {why}"}
        found = {**json.loads(facts.read_text()), "share": share, **json.loads(result.read_text())}
        if "refused" not in found:
            return found
        if "memory" not in found["refused"]:
            return {**found, "failed": found["refused"].splitlines()[0]}
        share /= 2
        if used := re.search(r"([\d.]+)([MGT])\)? (?:of|exceeds available HBM) \(?([\d.]+)([MGT])", found["refused"]):
            units = {"M": 1, "G": 2**10, "T": 2**20}
            excess = float(used[1]) * units[used[2]] / (float(used[3]) * units[used[4]])
            # The weights do not shrink with the batch, so what is skipped would not fit either.
            share /= 2 ** max(math.ceil(math.log2(excess)) - 1, 0)
    return {**found, "failed": "does not fit into the memory of a chip"}


def text_of(found):
    """A program in one line."""
    if "failed" in found:
        return f"FAILED: {found['failed'][:150]}"
    memory = found["memory"]
    total = sum(memory[kind] for kind in ("generated_code", "argument", "output", "temp")) - memory["alias"]
    reductions = found["collectives"].get("all-reduce", [0, 0])
    return (
        f"batch {found['batch_size']:>5}  {total / 2**30:6.2f} GiB  {found['flops'] / 1e9:9.1f} Gflop  "
        f"{found['bytes'] / 2**30:7.2f} GiB moved  {reductions[0]:>3} all-reduces of {reductions[1] / 2**20:.1f} MiB"
    )


def main():
    if "--lower" in sys.argv:
        model, preset, share, chips, path = sys.argv[sys.argv.index("--lower") + 1 :]
        facts = lower(model, preset, float(share), int(chips), Path(path))
        Path(path).with_suffix(".json").write_text(json.dumps(facts))
        return 0
    parser = results.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/tpu_programs"))
    parser.add_argument("--environment", type=Path, default=Path("runs/tpu_environment"))
    parser.add_argument("--models", help="comma-separated; all by default")
    parser.add_argument("--recipes", default="quickstart,paper")
    parser.add_argument("--topologies", default=",".join(TOPOLOGIES), help="the first one on four chips as well")
    parser.add_argument("--chips", default="1,4")
    parser.add_argument("--stored", action="store_true", help="compile nothing: tell of what --folder holds")
    parser.add_argument(
        "--effort",
        type=float,
        default=0.0,
        help="-1 to 1: how long the compiler looks for faster programs; -1 halves its time",
    )
    parser.add_argument("--side", type=int, default=128, help="the largest images of the papers' presets")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = None if arguments.stored else environment(arguments.environment.resolve())
    stored = results.load("tpu_programs", arguments.results)
    figures, told, failed = dict(stored["figures"]) if stored else {}, 0, 0
    models = arguments.models.split(",") if arguments.models else catalog.model_names()
    first = arguments.topologies.split(",")[0]
    for chips in map(int, arguments.chips.split(",")):
        for recipe in arguments.recipes.split(","):
            for topology in arguments.topologies.split(",") if chips == 1 else [first]:
                for model in models:
                    preset = paper_preset(model, arguments.side) if recipe == "paper" else recipe
                    found = program(model, preset, topology, chips, folder, python, arguments.effort)
                    if found is None:
                        continue
                    failed, told = failed + ("failed" in found), told + 1
                    figures[f"{model}/{preset} on {chips} x {topology}"] = found
                    print(f"{topology:<10} {chips} {model:<12} {preset:<20} {text_of(found)}", flush=True)
                    results.save("tpu_programs", figures, arguments)
    print(f"{told - failed} of {told} programs compiled")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
