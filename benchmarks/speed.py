"""What users wait for, at an earlier commit and now, in turn in one run: times as fast, with the spread.

    python -m benchmarks.speed --against=COMMIT
    python -m benchmarks.speed --against=COMMIT --only=first_step,frechet_intervals --rounds=9
    python -m benchmarks.speed --write            measures nothing: the table of docs/speed.md from the stored results

Each commit runs in a process of its own, and the two take turns. The ratio of a round is that of the times by the clock, or of the
CPU times, which other work on the machine disturbs less. What is measured is added to benchmarks/results/speed.json.
"""

import dataclasses
import os
import subprocess
import sys
import tempfile
import time

from benchmarks import results, tables, two_commits
from benchmarks.results import ROOT
from benchmarks.two_commits import ALONE

PAGE = ROOT / "docs" / "speed.md"
# Ten steps of a recipe, as the loop takes them: both players' updates, Adam and the moving average.
STEPS = """
import sys
import numpy as np
import tensorflow as tf
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.runs.building import game_builder
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

model, preset, *changes = sys.argv[1:]
settings = recipe.parse(recipe.override({"model": model, **catalog.preset_table(model, preset)}, changes))
channels, side, stage = settings.data.channels or 1, settings.data.resolution, settings.schedule[-1]
trainer = Trainer(settings, game_builder(settings, (side, side, channels), 10), make_strategy("one"))
images = np.random.default_rng(0).uniform(-1, 1, [stage.batch_size, side, side, channels]).astype("float32")
batch = {"images": images, "labels": (np.arange(stage.batch_size) % 10).astype("int32")}
iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
first = sum(s.steps for s in settings.schedule[:-1])
trainer.step.assign(first)
run = trainer.compile(stage, first)

def turn():
    run(iterator, tf.constant(10))[0].numpy()
"""
FRECHET_INTERVALS = """
import sys
import numpy as np
from tfgan_zoo.metrics import distances

count, dimension = map(int, sys.argv[1:])
random = np.random.default_rng(0)
mixing = random.normal(size=[64, dimension]) / 8
real, fake = (
    (np.maximum(random.normal(shift, 1, [count, 64]) @ mixing, 0) + random.random([count, dimension]) / 10).astype("float32")
    for shift in (0, 0.1)
)

def turn():
    random = np.random.default_rng(0)
    if hasattr(distances, "frechet_contributions"):
        from tfgan_zoo.metrics.generator_scores import frechet_resamples

        resample = frechet_resamples(0, real, fake)
    else:
        resample = distances.resampled_frechet_distance(real, fake)
    for _ in range(200):
        resample(random)
"""
# Batches of a memory-mapped file of pictures (1 GB), mirrored at random; the file is made beforehand, in a temporary folder.
PIPELINE = """
import sys
import tempfile
import numpy as np
from tfgan_zoo.data.pipeline import batches

count, side = map(int, sys.argv[1:])
folder = tempfile.TemporaryDirectory()
images = np.lib.format.open_memmap(f"{folder.name}/images.npy", "w+", np.uint8, (count, side, side, 3))
for start in range(0, count, 1000):
    images[start : start + 1000] = np.random.default_rng(start).integers(0, 256, [1, side, side, 3], np.uint8)
images.flush()
images = np.load(f"{folder.name}/images.npy", mmap_mode="r")
iterator = iter(batches(images, None, 64, seed=0, flip=True))

def turn():
    for _ in range(200):
        next(iterator)
"""


def first_step(checkout):
    """(by the clock, of CPU) from the command to the first progress line of the quickstart of sngan."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--model=sngan", "--set=steps_per_call=1", "--set=steps=1", f"--workdir={folder}/run"]
        program = ALONE + "import runpy; runpy.run_module('tfgan_zoo.train', run_name='__main__', alter_sys=True)"
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", program, *flags],
            cwd=checkout,
            env=two_commits.environment_of(checkout),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in process.stderr:
            if line.startswith("step 1/"):
                break
        else:
            raise SystemExit(f"the quickstart of sngan does not train in {checkout}")
        seconds = time.perf_counter() - start
        process.kill()
        _, _, usage = os.wait4(process.pid, 0)
    return seconds, usage.ru_utime + usage.ru_stime


@dataclasses.dataclass(frozen=True)
class Measured:
    """One row of the table: `code` with `arguments` is run by a `two_commits.Session`; without code it is `first_step`."""

    title: str
    code: str = ""
    arguments: tuple[str, ...] = ()


MEASURED = {
    "first_step": Measured("`train --model=sngan`, from the command to the first step"),
    **{
        f"step_{model}": Measured(f"a step of {title}", STEPS, arguments)
        for model, title, arguments in (
            ("sngan", "`sngan`", ("sngan", "quickstart")),
            ("wgan_gp", "`wgan_gp`", ("wgan_gp", "quickstart")),
            ("dragan", "`dragan`", ("dragan", "quickstart")),
            ("r1", "`biggan` with R1", ("biggan", "quickstart", "arguments.r1=10")),
            ("pggan", "`pggan`, its last stage", ("pggan", "quickstart")),
            ("stylegan2", "`stylegan2`", ("stylegan2", "quickstart")),
        )
    },
    "pipeline": Measured(
        "the input pipeline alone: a memory-mapped set at 128 x 128, mirrored", PIPELINE, ("20000", "128")
    ),
    "frechet_intervals": Measured(
        "200 resamples of a Fréchet distance, 1,000 images of 2,048 dimensions", FRECHET_INTERVALS, ("1000", "2048")
    ),
}


def measure(name, earlier, rounds):
    """([(seconds before, now)] by the clock, likewise of CPU)."""
    measured = MEASURED[name]
    if measured.code:
        return two_commits.in_turn(earlier, rounds, measured.code, *measured.arguments)
    times = [[first_step(checkout) for checkout in (earlier, ROOT)] for _ in range(rounds)]
    return tuple([(before[i], now[i]) for before, now in times] for i in (0, 1))


def table(figures):
    """The Markdown table of what has been measured."""
    lines = [
        "| quickstarts on one machine, before and now | times as fast, by the clock | by CPU time | against |",
        "|---|---|---|---|",
    ]
    for name, measured in MEASURED.items():
        if name in figures:
            clock, cpu = (
                "{:.2f} ({:.2f} to {:.2f})".format(*two_commits.ratio(figures[name][kind])) for kind in ("clock", "cpu")
            )
            lines.append(f"| {measured.title} | {clock} | {cpu} | {figures[name]['against'][:7]} |")
    return "\n".join(lines)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--against", help="the earlier commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(MEASURED), help="names by commas: " + ", ".join(MEASURED))
    parser.add_argument("--write", action="store_true", help="write the table of docs/speed.md and measure nothing")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    if unknown := set(names) - set(MEASURED):
        parser.error(f"--only={','.join(sorted(unknown))}: known are {', '.join(MEASURED)}")
    if bool(arguments.against) == arguments.write:
        parser.error("give --against=COMMIT, or --write.")
    record = results.load("speed", arguments.results)
    figures = record["figures"] if record else {}
    if arguments.against:
        against = two_commits.full_hash(arguments.against)
        with two_commits.checkout_of(against) as earlier:
            for name in names:
                clock, cpu = measure(name, earlier, arguments.rounds)
                figures[name] = {"clock": clock, "cpu": cpu, "against": against, **results.origin()}
                print(table({name: figures[name]}).splitlines()[-1], flush=True)
                results.save("speed", figures, arguments)
    tables.rewrite(PAGE, "speed", table(figures))


if __name__ == "__main__":
    main()
