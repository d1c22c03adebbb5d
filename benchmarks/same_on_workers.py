"""Trains every model on two workers, on two replicas of one process and on one device, and compares the checkpoints.

python -m benchmarks.same_on_workers --folder=runs/same_on_workers

Two workers must give the bits of two replicas, and one device the same weights within 1e-5. The quickstart is trained for a few steps in float64
by plain gradient descent: Adam would blow up the rounding of gradients that are zero. Models that --folder already holds
are not trained again. Exits with 1 if a model differs.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks import results
from benchmarks.same_bits import ROOT, differences, last_checkpoint, settings_of
from tfgan_zoo.core import catalog

TOLERANCE = 1e-5
PLAIN = [
    f"{player}_optimizer.{k}" for player in ("generator", "discriminator") for k in ("name=sgd", "learning_rate=0.01")
]
KINDS = {
    "workers": ("tfgan_zoo.launch", "--workers=2", "--threads=1", "--", "train", "--strategy=multi_worker"),
    "replicas": ("tfgan_zoo.train", "--strategy=mirrored:2"),
    "one": ("tfgan_zoo.train", "--strategy=one"),
}


def train(model, kind, folder, steps):
    """The last checkpoint {name: array} of a model trained in one of the `KINDS` of ways."""
    if not (folder / "export").exists():
        changes = [*settings_of(model, steps), "precision=float64", *PLAIN]
        command = [*KINDS[kind], f"--model={model}", f"--workdir={folder}", *(f"--set={change}" for change in changes)]
        # Sums of floats depend on the number of threads.
        environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder.parent, env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{model} on {kind}: {done.stderr[-3000:]}")
    return last_checkpoint(folder)


def largest_difference(a, b):
    """The largest difference of two checkpoints, relative to the largest value of each array if that is above 1."""
    floats = [name for name in a if a[name].dtype.kind == "f" and a[name].size and np.isfinite(a[name]).all()]
    return max(np.abs(a[name] - b[name]).max() / max(1, np.abs(a[name]).max()) for name in floats)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/same_on_workers"))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--models", help="comma-separated; all by default")
    arguments = parser.parse_args()
    stored = results.load("same_on_workers", arguments.results)
    figures = (
        dict(stored["figures"]) if stored and arguments.models else {}
    )  # those of models that are not asked for stay
    models, failed = arguments.models.split(",") if arguments.models else catalog.model_names(), 0
    for model in models:
        folder = arguments.folder.resolve() / model
        folder.mkdir(parents=True, exist_ok=True)
        workers, replicas, one = (train(model, kind, folder / kind, arguments.steps) for kind in KINDS)
        unequal, distance = differences(workers, replicas), largest_difference(workers, one)
        failed += bool(unequal) or distance > TOLERANCE
        figures[model] = {
            "arrays": len(workers),
            "arrays_that_differ": len(unequal),
            "largest_difference_to_one": float(distance),
        }
        bits = f"{len(unequal)} arrays differ" if unequal else f"{len(workers)} arrays equal, bit for bit"
        print(f"{model:<12} {bits}; one device within {distance:.1e}", *unequal[:5], sep="\n    ", flush=True)
    print(f"{len(models) - failed} of {len(models)} models are the same on two workers, two replicas and one device")
    results.save("same_on_workers", figures, arguments)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
