"""How start, time and memory grow with the number of pictures, the resolution, the number of classes and the number of images scored.

    python -m benchmarks.growth            measures every point in a process of its own, and draws docs/growth.png
    python -m benchmarks.growth --only=pictures,classes
    python -m benchmarks.growth --write    measures nothing: the picture and its table from the stored results

Start is from the imports to the first result: the first batch, the first step, the first score. Memory is the most, looked at every 10 ms, of what the process has taken for
itself: pages of memory-mapped files belong to the operating system, which takes them back when it needs them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks import results, tables
from benchmarks.results import ROOT

PAGE, PICTURE = ROOT / "docs" / "speed.md", ROOT / "docs" / "growth.png"


def pictures(count):
    """Batches of 64 of a memory-mapped set of `count` pictures at 32 x 32 in grey."""
    import numpy as np

    from tfgan_zoo.data.pipeline import batches

    folder = tempfile.TemporaryDirectory()
    written = np.lib.format.open_memmap(f"{folder.name}/images.npy", "w+", np.uint8, (count, 32, 32, 1))
    for start in range(0, count, 10_000):
        written[start : start + 10_000] = np.random.default_rng(start).integers(0, 256, [10_000, 32, 32, 1], np.uint8)
    written.flush()
    del written

    def begin():
        images = np.load(f"{folder.name}/images.npy", mmap_mode="r")
        iterator = iter(batches(images, None, 64, seed=0, flip=True))

        def turn(folder=folder):  # the folder lasts as long as its pictures are read
            for _ in range(100):
                next(iterator)

        next(iterator)
        return turn, 100

    return begin


def steps(table, shape, classes):
    """Training steps of a recipe."""
    import numpy as np
    import tensorflow as tf

    from tfgan_zoo.core import recipe
    from tfgan_zoo.runs.building import game_builder
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    settings = recipe.parse(table)

    def begin():
        stage = settings.schedule[-1]
        trainer = Trainer(settings, game_builder(settings, shape, classes), make_strategy("one"))
        images = np.random.default_rng(0).uniform(-1, 1, [stage.batch_size, *shape]).astype("float32")
        batch = {"images": images, "labels": (np.arange(stage.batch_size) % classes).astype("int32")}
        iterator, run = iter(tf.data.Dataset.from_tensors(batch).repeat()), trainer.compile(stage, 0)
        run(iterator, tf.constant(1))[0].numpy()
        return lambda: run(iterator, tf.constant(3))[0].numpy(), 3

    return begin


def preset(model, *changes):
    from tfgan_zoo.core import catalog, recipe

    return recipe.override({"model": model, **catalog.preset_table(model, "quickstart")}, changes)


def resolution(side):
    """Steps of sngan's quickstart in colour at another resolution, of 16 images."""
    return steps(preset("sngan", "batch_size=16", f"data.resolution={side}", "data.channels=3"), (side, side, 3), 10)


def classes(count):
    """Steps of biggan's quickstart with another number of classes."""
    return steps(preset("biggan"), (32, 32, 1), count)


def scored(count):
    """Fréchet distance with its interval and precision and recall, of `count` images with 1,280 features each."""
    import numpy as np

    from tfgan_zoo.metrics import distances
    from tfgan_zoo.metrics.generator_scores import frechet_resamples
    from tfgan_zoo.metrics.manifold import manifold_scores

    random = np.random.default_rng(0)
    mixing = random.normal(size=[64, 1280]).astype("float32") / 8
    real, fake = (np.maximum(random.normal(s, 1, [count, 64]).astype("float32") @ mixing, 0) for s in (0, 0.1))

    def score():
        distance = distances.frechet_distance(distances.moments(real), distances.moments(fake))
        resample, random = frechet_resamples(distance, real, fake), np.random.default_rng(0)
        for _ in range(200):
            resample(random)
        manifold_scores(real, fake)

    def begin():
        score()
        return score, 1

    return begin


# {name: (what grows, what is timed, the function that prepares a point, the points)}
AXES = {
    "pictures": ("pictures in the set", "a batch of 64", pictures, (10_000, 100_000, 1_000_000)),
    "resolution": ("resolution", "a step of sngan, 16 images", resolution, (32, 64, 128, 256)),
    "classes": ("classes", "a step of biggan", classes, (10, 100, 1000, 10_000)),
    "scored": ("images scored", "fd with interval, precision, recall", scored, (1000, 4000, 16_000)),
}


def own_memory():
    """MiB that belong to this process alone."""
    return int(re.search(r"^RssAnon:\s*(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) / 1024


class Peak(threading.Thread):
    """Looks at `own_memory` every 10 ms until `stop`, which returns the most."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.done = 0.0, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.01):
            self.most = max(self.most, own_memory())

    def stop(self):
        self.done.set()
        self.join()
        return self.most


def point(name, value):
    """{"start": seconds to the first result, "each": seconds of each further one, "memory": MiB} of one point."""
    prepared = AXES[name][2](value)
    peak, start = Peak(), time.perf_counter()
    turn, number = prepared()
    begun, times = time.perf_counter() - start, []
    while len(times) < 3 or sum(times) * number < 3:
        before = time.perf_counter()
        turn()
        times.append((time.perf_counter() - before) / number)
        if times[-1] * number > 20:
            break
    return {"start": begun, "each": sorted(times)[len(times) // 2], "memory": peak.stop()}


def draw(figures):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = (("start", "s to the first result"), ("each", "s each"), ("memory", "MiB"))
    names = [name for name in AXES if name in figures]
    figure, axes = pyplot.subplots(
        len(rows), len(names), figsize=(3 * len(names), 6.4), sharex="col", squeeze=False, layout="constrained"
    )
    for column, name in enumerate(names):
        grows, timed, _, _ = AXES[name]
        values = sorted(map(int, figures[name]["points"]))
        for row, (key, title) in enumerate(rows):
            ax = axes[row, column]
            heights = [figures[name]["points"][str(value)][key] for value in values]
            ax.plot(values, heights, "o-", color="tab:blue")
            ax.set_xscale("log")
            if key == "each" and max(heights) > 3 * min(heights):
                ax.set_yscale("log")
            else:
                ax.set_ylim(0, 1.15 * max(heights))
            ax.set_xticks(values, [f"{value:,}" for value in values], fontsize=8)
            ax.minorticks_off()
            ax.grid(alpha=0.3)
            if not column:
                ax.set_ylabel(title)
        axes[0, column].set_title(timed, fontsize=9)
        axes[-1, column].set_xlabel(grows)
    figure.savefig(PICTURE, dpi=100)


def table(figures):
    """The Markdown table of the points."""
    lines = ["| what grows | to the first result | each | memory |", "|---|---|---|---|"]
    for name, (grows, timed, _, _) in AXES.items():
        for value, found in sorted(figures.get(name, {"points": {}})["points"].items(), key=lambda item: int(item[0])):
            each = f"{found['each'] * 1e3:,.1f} ms" if found["each"] < 1 else f"{found['each']:,.1f} s"
            lines.append(
                f"| {timed}; {grows}: {int(value):,} | {found['start']:.1f} s | {each} | {found['memory']:,.0f} MiB |"
            )
    return "\n".join(lines)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--only", default=",".join(AXES), help="by commas: " + ", ".join(AXES))
    parser.add_argument("--write", action="store_true", help="the picture and the table from the stored results")
    parser.add_argument("--point", nargs=2, help="measure one point in this process")
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(point(arguments.point[0], int(arguments.point[1]))))
        return
    names = arguments.only.split(",")
    if unknown := set(names) - set(AXES):
        parser.error(f"--only={','.join(sorted(unknown))}: known are {', '.join(AXES)}")
    record = results.load("growth", arguments.results)
    figures = record["figures"] if record else {}
    for name in [] if arguments.write else names:
        found = {}
        for value in AXES[name][3]:
            command = [sys.executable, "-m", "benchmarks.growth", "--point", name, str(value)]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            found[str(value)] = json.loads(done.stdout.splitlines()[-1])
            print(name, value, found[str(value)], flush=True)
        figures[name] = {"points": found, **results.origin()}
        results.save("growth", figures, arguments)
    tables.rewrite(PAGE, "growth", table(figures))
    draw(figures)


if __name__ == "__main__":
    main()
