"""Trains every quickstart for some steps at an earlier commit and now, and compares the checkpoints bit for bit.

python -m benchmarks.same_bits --before=COMMIT --folder=runs/same_bits

Also samples from the earlier runs with the code of now, which must draw what the earlier code drew. What is in --folder
already is not trained again. Exits with 1 if a model differs.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np

from tfgan_zoo.core import catalog

ROOT = Path(__file__).resolve().parent.parent


def settings_of(model, steps):
    """The `--set` flags for a run of this many steps, without scores."""
    table = tomllib.loads((ROOT / "zoo_configs" / model / "quickstart.toml").read_text())
    settings = [f"steps={steps}", "evaluation.samples=0"]
    if "stages" in table:  # one that fades in after one that does not
        sides = [stage["resolution"] for stage in table["stages"][:2]]
        half = steps // 2
        stages = ",".join(
            f"{{steps={half},batch_size=16,resolution={s},fade_steps={i * half}}}" for i, s in enumerate(sides)
        )
        settings[0] = f"stages=[{stages}]"
    return [word for setting in settings for word in ("--set", setting)]


def run(checkout, *words):
    """Runs a command of a checkout's own code; its output is shown if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run([sys.executable, "-m", *words], cwd=checkout, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} in {checkout}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")


def train(checkout, model, steps, folder):
    """Trains in `folder` unless it is complete there."""
    if not (folder / "samples.png").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(checkout, "tfgan_zoo.train", f"--model={model}", f"--workdir={folder}", *settings_of(model, steps))
        sample(checkout, folder, folder / "samples.png")


def sample(checkout, folder, out):
    run(checkout, "tfgan_zoo.sample", f"--run={folder}", "--num=16", f"--out={out}")


def last_checkpoint(folder):
    """{name: array} of the newest checkpoint of a run."""
    path = max((folder / "checkpoints").glob("*.npz"))
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def differences(before, now):
    """What differs between two checkpoints, in words; [] if nothing does."""
    names = [f"only before: {n}" for n in before.keys() - now.keys()] + [
        f"only now: {n}" for n in now.keys() - before.keys()
    ]
    unequal = [n for n in before.keys() & now.keys() if before[n].tobytes() != now[n].tobytes()]
    return names + [
        f"{n}: by up to {np.abs(before[n].astype(float) - now[n].astype(float)).max():.3g}" for n in sorted(unequal)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the earlier commit")
    parser.add_argument("--folder", type=Path, default=Path("runs/same_bits"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--models", help="comma-separated; all where left out")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    earlier = folder / "checkout"
    if not earlier.exists():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(earlier)], check=True)
        subprocess.run(["git", "checkout", "-q", arguments.before], cwd=earlier, check=True)
    models, equal = arguments.models.split(",") if arguments.models else catalog.model_names(), 0
    for model in models:
        runs = {name: folder / name / model for name in ("before", "now")}
        for name, checkout in (("before", earlier), ("now", ROOT)):
            train(checkout, model, arguments.steps, runs[name])
        found = differences(*(last_checkpoint(runs[name]) for name in ("before", "now")))
        sample(ROOT, runs["before"], folder / f"{model}.png")
        images = [
            hashlib.sha256(path.read_bytes()).digest()
            for path in (runs["before"] / "samples.png", folder / f"{model}.png")
        ]
        if images[0] != images[1]:
            found.append("the earlier run's samples, drawn by the code of now")
        equal += not found
        print(
            f"{model:<12} {'equal, bit for bit' if not found else 'differs'}",
            *found[:8],
            sep="\n    " if found else "",
            flush=True,
        )
    print(f"{equal} of {len(models)} equal")
    return int(equal < len(models))


if __name__ == "__main__":
    sys.exit(main())
