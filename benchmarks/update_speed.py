"""Times the discriminator's update of several recipes at an earlier commit and now, in turn in one run.

python -m benchmarks.update_speed --before=COMMIT

Each commit runs in a process of its own, and the two take turns; the ratio of a round is that of their CPU times.
"""

import statistics

from benchmarks import results, two_commits

RECIPES = {
    "wgan_gp": ("wgan_gp", []),
    "dragan": ("dragan", []),
    "dragan without batch norm": ("dragan", ["arguments.norm=none"]),
    "biggan with R1": ("biggan", ["arguments.r1=10"]),
}
# Runs at either commit: builds a trainer and compiles an update; a turn takes some.
SESSION = """
import sys
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

def turn():
    for _ in range(int(updates)):
        update()
"""


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--before", required=True, help="the earlier commit")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--updates", type=int, default=10, help="per round")
    parser.add_argument("--only", help="comma-separated names of recipes")
    arguments = parser.parse_args()
    figures = {}
    with two_commits.checkout_of(arguments.before) as earlier:
        for name in arguments.only.split(",") if arguments.only else RECIPES:
            model, changes = RECIPES[name]
            _, times = two_commits.in_turn(earlier, arguments.rounds, SESSION, model, arguments.updates, *changes)
            before, now = (statistics.median(column) / arguments.updates * 1000 for column in zip(*times, strict=True))
            median, least, most = two_commits.ratio(times)
            print(
                f"{name:<26} {before:7.0f} ms before {now:7.0f} ms now, CPU time; {median:.2f} times "
                f"({least:.2f} to {most:.2f})",
                flush=True,
            )
            figures[name] = {"cpu_seconds_before_and_now": times, "times_as_fast": median}
    results.save("update_speed", figures, arguments)


if __name__ == "__main__":
    main()
