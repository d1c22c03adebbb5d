"""The most memory that one step of a recipe takes, with activations kept and with `recompute=true`, and what `--dry_run` estimates.

    python -m benchmarks.memory --model=biggan --preset=imagenet128 --set=batch_size=16 --set=accumulation=1
    python -m benchmarks.memory --write            measures nothing: the table of docs/training_tools.md from the stored results

Each is measured in a process of its own, on images of random numbers: the peak of its resident memory, and what it had before the
first step, with all weights. One replica on one device, in the recipe's last stage; lazy terms act in it.
"""

import json
import os
import subprocess
import sys
import time

from benchmarks import results, tables
from benchmarks.results import ROOT

PAGE = ROOT / "docs" / "training_tools.md"


def peak():
    """The highest resident memory of this process so far, in MiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def step(table):
    """{"before", "peak": MiB, "seconds"} of the first step of a recipe, in this process."""
    import numpy as np
    import tensorflow as tf

    from tfgan_zoo.core import recipe
    from tfgan_zoo.runs.building import game_builder
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    settings = recipe.parse(table)
    stage = settings.schedule[-1]
    shape, classes = shape_and_classes(settings)
    trainer = Trainer(settings, game_builder(settings, shape, classes), make_strategy("one"))
    images = np.random.default_rng(0).uniform(-1, 1, [stage.batch_size, *shape]).astype("float32")
    batch = {"images": images, "labels": (np.arange(stage.batch_size) % classes).astype("int32")}
    run = trainer.compile(stage, 0)
    before, start = peak(), time.perf_counter()
    run(iter(tf.data.Dataset.from_tensors(batch).repeat()), tf.constant(1))[0].numpy()
    return {"before": before, "peak": peak(), "seconds": time.perf_counter() - start}


def estimated(table):
    """What `train --dry_run` says of a recipe, in MiB."""
    from tfgan_zoo.core import recipe
    from tfgan_zoo.runs.building import game_builder
    from tfgan_zoo.training import step_memory

    settings = recipe.parse(table)
    shape, classes = shape_and_classes(settings)
    return step_memory.estimate(settings, game_builder(settings, shape, classes), shape).total / 2**20


def shape_and_classes(settings):
    """(the shape of an image, the number of classes) that a recipe states, else those of colour pictures of ten classes."""
    side = settings.data.resolution
    shape = (*((side, side) if isinstance(side, int) else side), settings.data.channels or 1)
    return shape, settings.data.classes or 10


def alone(what, table):
    """What `step` or `estimated` returns, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", f"--{what}"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=json.dumps(table), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(
            f"the step ended with status {done.returncode}; less memory than it needs looks like this too."
        )
    return json.loads(done.stdout)


def table_of(figures):
    """The Markdown table of what has been measured."""
    lines = [
        "| one step of | before it | most, activations kept | estimated | most, `recompute=true` | estimated | share | seconds, trace included |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in figures.items():
        kept, again = found["kept"], found["recomputed"]
        cells = [f"{kept['before']:,.0f} MiB"]
        for one in (kept, again):
            cells.append(f"{one['peak']:,.0f} MiB")
            cells.append(
                f"{one['estimate']:,.0f} MiB ({one['estimate'] / one['peak'] - 1:+.0%})" if "estimate" in one else ""
            )
        cells += [f"{again['peak'] / kept['peak']:.2f}", f"{kept['seconds']:.0f}, {again['seconds']:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--model", default="sngan")
    parser.add_argument("--preset", default="quickstart")
    parser.add_argument("--set", action="append", default=[], help="as of train, such as --set=batch_size=16")
    parser.add_argument(
        "--write", action="store_true", help="write the table of docs/training_tools.md, measure nothing"
    )
    parser.add_argument("--step", action="store_true", help="measure one step of the recipe on stdin, in this process")
    parser.add_argument("--estimated", action="store_true", help="estimate the recipe on stdin")
    arguments = parser.parse_args()
    if arguments.step or arguments.estimated:
        print(json.dumps((step if arguments.step else estimated)(json.load(sys.stdin))))
        return
    record = results.load("memory", arguments.results)
    figures = record["figures"] if record else {}
    if not arguments.write:
        from tfgan_zoo.core import catalog, recipe

        table = recipe.override(
            {"model": arguments.model, **catalog.preset_table(arguments.model, arguments.preset)}, arguments.set
        )
        found = {}
        for name, again in (("kept", False), ("recomputed", True)):
            recipe_table = {**table, "recompute": again}
            found[name] = {**alone("step", recipe_table), "estimate": alone("estimated", recipe_table)}
        name = f"`{arguments.model}`, `{arguments.preset}`" + "".join(f", `{change}`" for change in arguments.set)
        figures[name] = {**found, **results.origin()}
        print(table_of({name: found}).splitlines()[-1])
        results.save("memory", figures, arguments)
    tables.rewrite(PAGE, "memory", table_of(figures))


if __name__ == "__main__":
    main()
