"""Trains every quickstart for some steps at an earlier commit and now, and compares the checkpoints bit for bit.

python -m benchmarks.same_bits --before=COMMIT --folder=runs/same_bits

The code of now then opens what the earlier commit left: the averaged generators of its runs and its exports must give the
samples that they gave then, and its recipes the same settings. Models that --folder already holds are not trained again. Exits
with 1 if anything differs: the weights do, in their last bits, from those of commits before Adam's update became TensorFlow's kernel.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np

from benchmarks.results import ROOT
from benchmarks.two_commits import ALONE, clone, environment_of
from tfgan_zoo.core import catalog
from tfgan_zoo.training.checkpoints import Checkpoints

# Runs at either commit: trains each model in a folder of its own, and writes samples of its generator.
SESSION = """
import json, sys
from pathlib import Path
import keras
import numpy as np
try:
    from tfgan_zoo.core import catalog, recipe
    from tfgan_zoo.runs.run_folder import Run
    from tfgan_zoo.runs.training_run import TrainingRun
    from tfgan_zoo.saved_model.signatures import ExportedGenerator
except ImportError:
    from tfgan_zoo import catalog, recipe
    from tfgan_zoo.runs import Run
    from tfgan_zoo.training_run import TrainingRun
    from tfgan_zoo.serving.signatures import ExportedGenerator

def write_samples(folder, path):
    network, prior, _ = Run(folder).generator()
    np.save(path, ExportedGenerator(network, prior).generator().sample(np.arange(16)))

folder, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
for model, settings in changes.items():
    if not (folder / model / "samples.npy").exists():
        table = recipe.override({"model": model, **catalog.preset_table(model, "quickstart")}, settings)
        run = TrainingRun(catalog.completed(recipe.parse(table)), folder / model)
        run.export = lambda: None
        run.execute()
        write_samples(folder / model, folder / model / "samples.npy")
    earlier = Path(sys.argv[3]) / model if len(sys.argv) > 3 else None
    if earlier:
        write_samples(earlier, folder / model / "earlier_samples.npy")
    print(model, flush=True)
    keras.backend.clear_session()
"""

# Runs at either commit: writes samples of the exports and the settings of the recipes that a checkout has.
OPENING = """
import json, sys
from pathlib import Path
import numpy as np
try:
    from tfgan_zoo.core import catalog, recipe
    from tfgan_zoo.saved_model.version_folder import load_version
except ImportError:
    from tfgan_zoo import catalog, recipe
    from tfgan_zoo.serving.version_folder import load_version

checkout, to = Path(sys.argv[1]), Path(sys.argv[2])
settings = {}
for path in sorted(checkout.glob("zoo_configs/*/*.toml")):
    table = {key: value for key, value in recipe.read_table(path).items() if key != "tried"}
    parsed = catalog.completed(recipe.parse({"model": path.parent.name, **table}))
    settings[f"recipe {path.parent.name}/{path.stem}"] = json.loads(json.dumps(parsed.as_dict()))
(to / "recipes.json").write_text(json.dumps(settings))
samples = {f"export {p.parent.name}": load_version(p).sample(np.arange(16)) for p in checkout.glob("export/*/1")}
np.savez(to / "exports.npz", **samples)
"""


def settings_of(model, steps):
    """The changes of a quickstart to a run of this many steps without scores."""
    table = tomllib.loads((ROOT / "zoo_configs" / model / "quickstart.toml").read_text())
    if "stages" not in table:
        return [f"steps={steps}", "evaluation.samples=0"]
    half = steps // 2  # one stage, and one that fades in after it
    sides = [stage["resolution"] for stage in table["stages"][:2]]
    stages = [f"{{steps={half},batch_size=16,resolution={s},fade_steps={i * half}}}" for i, s in enumerate(sides)]
    return [f"stages=[{','.join(stages)}]", "evaluation.samples=0"]


def train(checkout, folder, changes, *earlier):
    """Trains with a checkout's own code, and shows its progress."""
    folder.mkdir(parents=True, exist_ok=True)
    run(checkout, SESSION, folder, json.dumps(changes), *earlier)


def run(checkout, script, *arguments):
    """Runs a script with a checkout's own code."""
    command = [sys.executable, "-c", ALONE + script, *map(str, arguments)]
    subprocess.run(command, cwd=checkout, env=environment_of(checkout), check=True)


def opened(checkout, folder, code):
    """({export: samples}, {recipe: settings}) of a checkout, opened by the code of another one."""
    run(code, OPENING, checkout, folder)
    return dict(np.load(folder / "exports.npz")), json.loads((folder / "recipes.json").read_text())


def agrees(before, now):
    """Whether `now` has every key of `before`, with the same value."""
    if not isinstance(before, dict):
        return before == now
    return all(key in now and agrees(value, now[key]) for key, value in before.items())


def last_checkpoint(folder):
    """{name: array} of the newest checkpoint of a run, in one file or in parts."""
    checkpoints = Checkpoints(folder / "checkpoints")
    return checkpoints.read(checkpoints.steps()[-1])


def differences(before, now):
    """What differs between two checkpoints, in words; [] if nothing does."""
    lines = [f"only before: {n}" for n in before.keys() - now.keys()]
    lines += [f"only now: {n}" for n in now.keys() - before.keys()]
    unequal = [n for n in before.keys() & now.keys() if before[n].tobytes() != now[n].tobytes()]
    for name in sorted(unequal):
        largest = np.abs(before[name].astype(float) - now[name].astype(float)).max()
        lines.append(f"{name}: by up to {largest:.3g}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the earlier commit")
    parser.add_argument("--folder", type=Path, default=Path("runs/same_bits"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--models", help="comma-separated; all by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    earlier = folder / "checkout"
    if not earlier.exists():
        clone(arguments.before, earlier)
    models, equal = arguments.models.split(",") if arguments.models else catalog.model_names(), 0
    changes = {model: settings_of(model, arguments.steps) for model in models}
    train(earlier, folder / "before", changes)
    train(ROOT, folder / "now", changes, folder / "before")
    for model in models:
        before, now = folder / "before" / model, folder / "now" / model
        lines = differences(last_checkpoint(before), last_checkpoint(now))
        if not np.array_equal(np.load(before / "samples.npy"), np.load(now / "earlier_samples.npy")):
            lines.append("the earlier run's samples, drawn by the code of now")
        equal += not lines
        print(f"{model:<12} {'differs:' if lines else 'equal, bit for bit'}", *lines[:8], sep="\n    ")
    print(f"{equal} of {len(models)} equal")
    (exports, recipes), (same_exports, same_recipes) = (
        opened(earlier, folder / part, code) for part, code in (("before", earlier), ("now", ROOT))
    )
    lost = [name for name in exports if not np.array_equal(exports[name], same_exports[name])]
    lost += [name for name in recipes if not agrees(recipes[name], same_recipes[name])]
    print(
        f"{len(exports)} exports and {len(recipes)} recipes of before opened, {len(lost)} of which differ",
        *lost,
        sep="\n    ",
    )
    return int(equal < len(models) or bool(lost))


if __name__ == "__main__":
    sys.exit(main())
