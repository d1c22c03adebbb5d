"""What a step of PGGAN costs at high resolution: one update of D and one of G, with the paper's widths and batch sizes.

    python -m benchmarks.progressive
    python -m benchmarks.progressive --stages=1024:3 --precision=mixed_bfloat16

Each resolution is a process of its own, which trains on noise from the middle of a fade, where a step costs most, and tells the
time of its steps after the first and the most memory that it ever held, that of TensorFlow itself included.
"""

import json
import resource
import subprocess
import sys
import time

from benchmarks import results

LAST = 1024  # whose networks hold all the layers


def measure(resolution, batch, steps, precision):
    """{"build", "first", "step": seconds, "peak": GiB, "device": GiB on the first GPU or None} of one resolution."""
    import numpy as np
    import tensorflow as tf

    from tfgan_zoo.core import recipe
    from tfgan_zoo.data.pipeline import batches
    from tfgan_zoo.models import pggan
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    adam = {"learning_rate": 1e-3, "beta_1": 0.0, "beta_2": 0.99}
    stage = {"resolution": resolution, "batch_size": batch, "steps": 1000, "fade_steps": 500}
    settings = recipe.parse(
        {
            "model": "pggan",
            "precision": precision,
            "stages": [stage],
            "generator_optimizer": adam,
            "discriminator_optimizer": adam,
        }
    )
    began = time.perf_counter()
    trainer = Trainer(settings, lambda: pggan.build((LAST, LAST, 3)), make_strategy("one"))
    trainer.step.assign(250)
    images = np.random.default_rng(0).integers(0, 256, [2 * batch, resolution, resolution, 3], np.uint8)
    run, iterator = trainer.compile(settings.schedule[0], 0), iter(batches(images, None, batch, seed=0))
    times = [time.perf_counter()]
    for count in (1, steps):
        done, last, _ = run(iterator, tf.constant(count))
        assert np.isfinite(last.numpy()).all()
        assert done.numpy() == count
        times.append(time.perf_counter())
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "build": times[0] - began,
        "first": times[1] - times[0],
        "step": (times[2] - times[1]) / steps,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "device": tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30 if gpus else None,
    }


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--stages", default="512:6,1024:3", help="resolution:batch, in turn")
    parser.add_argument("--steps", type=int, default=1, help="steps that are timed, after a first one")
    parser.add_argument("--precision", default="float32")
    parser.add_argument(
        "--one", action="store_true", help="measure a single stage in this process, and tell it as JSON"
    )
    arguments = parser.parse_args()
    stages = [tuple(map(int, stage.split(":"))) for stage in arguments.stages.split(",")]
    if arguments.one:
        print(json.dumps(measure(*stages[0], arguments.steps, arguments.precision)))
        return
    print("| resolution | batch | first step, with its graph | step | images/s | peak memory | of the GPU |")
    print("|---|---|---|---|---|---|---|")
    figures = {}
    for resolution, batch in stages:
        options = [f"--stages={resolution}:{batch}", f"--steps={arguments.steps}", f"--precision={arguments.precision}"]
        command = [sys.executable, "-m", "benchmarks.progressive", "--one", *options]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])
        device = f"{found['device']:.1f} GiB" if found["device"] is not None else ""
        print(
            f"| {resolution} | {batch} | {found['first']:.1f} s | {found['step']:.2f} s | {batch / found['step']:.2f} "
            f"| {found['peak']:.1f} GiB | {device} |",
            flush=True,
        )
        figures[resolution] = {"batch": batch, **found}
    results.save("progressive", figures, arguments)


if __name__ == "__main__":
    main()
