"""Times the discriminator's update of several recipes at an earlier commit and now, in turn in one run.

python -m benchmarks.update_speed --before=COMMIT

Each commit runs in a process of its own, and the two take turns; the ratio of a round is that of their CPU times.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.results import ROOT
from benchmarks.same_bits import ALONE

RECIPES = {
    "wgan_gp": ("wgan_gp", []),
    "dragan": ("dragan", []),
    "dragan without batch norm": ("dragan", ["arguments.norm=none"]),
    "biggan with R1": ("biggan", ["arguments.r1=10"]),
}
# Runs at either commit. Builds a trainer, compiles an update, and answers each line on stdin with the CPU seconds of some.
SESSION = """
import sys, time
import numpy as np
import tensorflow as tf
try:
    from tfgan_zoo.core import catalog, recipe
    from tfgan_zoo.core.draws import seed_of
    from tfgan_zoo.runs.building import game_builder
except ImportError:
    from tfgan_zoo import catalog, recipe
    from tfgan_zoo.catalog import game_builder
    from tfgan_zoo.draws import seed_of
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

model, updates, *changes = sys.argv[1:]
settings = recipe.parse(recipe.override({"model": model, **catalog.preset_table(model, "quickstart")}, changes))
side, size = settings.data.resolution, settings.batch_size
trainer = Trainer(settings, game_builder(settings, (side, side, 1), 10), make_strategy("one"))
images = np.random.default_rng(0).uniform(-1, 1, [size, side, side, 1]).astype("float32")
batch = {"images": tf.constant(images), "labels": tf.constant(np.arange(size) % 10)}
update = tf.function(lambda: trainer.update("discriminator", batch, seed_of(1), size), autograph=False)
update()
print("ready", flush=True)
for _ in sys.stdin:
    start = time.process_time()
    for _ in range(int(updates)):
        update()
    print(time.process_time() - start, flush=True)
"""


class Session:
    """A process at one commit that times updates when asked."""

    def __init__(self, checkout, model, updates, changes):
        environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-c", ALONE + SESSION, model, str(updates), *changes]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen(command, cwd=checkout, env=environment, **pipes)
        assert self.process.stdout.readline() == "ready\n", f"{model} does not run in {checkout}"

    def seconds(self):
        """CPU seconds of a round of updates."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ratios(earlier, model, changes, rounds, updates):
    """(seconds before, seconds now) of each round, in turn."""
    sessions = [Session(checkout, model, updates, changes) for checkout in (earlier, ROOT)]
    times = [tuple(session.seconds() for session in sessions) for _ in range(rounds)]
    for session in sessions:
        session.close()
    return times


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--before", required=True, help="the earlier commit")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--updates", type=int, default=10, help="per round")
    parser.add_argument("--only", help="comma-separated names of recipes")
    arguments = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(earlier)], check=True)
        subprocess.run(["git", "checkout", "-q", arguments.before], cwd=earlier, check=True)
        for name in arguments.only.split(",") if arguments.only else RECIPES:
            times = ratios(earlier, *RECIPES[name], arguments.rounds, arguments.updates)
            before, now = (statistics.median(column) / arguments.updates * 1000 for column in zip(*times, strict=True))
            faster = sorted(a / b for a, b in times)
            print(
                f"{name:<26} {before:7.0f} ms before {now:7.0f} ms now, CPU time; {statistics.median(faster):.2f} times "
                f"({faster[0]:.2f} to {faster[-1]:.2f})",
                flush=True,
            )
            figures[name] = {"cpu_seconds_before_and_now": times, "times_as_fast": statistics.median(faster)}
    results.save("update_speed", figures, arguments)


if __name__ == "__main__":
    main()
