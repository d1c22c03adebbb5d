"""Images/s of the input pipeline alone beside what training steps take, so that it is never what a run waits for.

python -m benchmarks.pipeline
"""

import time

from benchmarks import results
from benchmarks.train_step import ours


def pipeline_rate(seconds=3.0):
    """Images/s of the quickstart's pipeline, with flips, when nobody trains."""
    from tfgan_zoo.core import recipe_tables
    from tfgan_zoo.data.pipeline import batches
    from tfgan_zoo.data.sources import load_source

    source = load_source(recipe_tables.DataSettings(resolution=32))
    iterator = iter(batches(source.images, source.labels, 64, seed=0, flip=True))
    next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        count += next(iterator)["images"].shape[0]
    return count / (time.perf_counter() - start)


def step_rate(channels, steps_taken=20):
    """Images/s of training steps at one width of both players, in bfloat16."""
    steps = ours("mixed_bfloat16", channels)
    steps(2)
    start = time.perf_counter()
    steps(steps_taken)
    return 64 * steps_taken / (time.perf_counter() - start)


def main():
    arguments = results.parser(__doc__).parse_args()
    pipeline = pipeline_rate()
    small = step_rate(32)
    print(
        f"pipeline alone {pipeline:,.0f} images/s; steps of the quickstart's width {small:,.0f}: {pipeline / small:.0f}x"
    )
    figures = {"pipeline": pipeline, "steps": small, "ratio": pipeline / small}
    results.save("pipeline", figures, arguments)


if __name__ == "__main__":
    main()
