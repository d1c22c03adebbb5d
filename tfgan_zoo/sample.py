"""Draws samples from a run, an export or a server: same seed, same image.

python -m tfgan_zoo.sample --run=runs/my-run                            a grid of 64 images
python -m tfgan_zoo.sample --export=export/sngan_mnist --seed=7 --num=1 --format=png
python -m tfgan_zoo.sample --server=localhost:8500 --model=sngan_mnist
python -m tfgan_zoo.sample --export=export/sngan_mnist --interpolate=1,9 --num=10
python -m tfgan_zoo.sample --run=runs/my-run --interpolate=1,9 --num=60 --out=way.gif       or .mp4
python -m tfgan_zoo.sample --run=runs/my-acgan --sweep=label            one row per seed, one column per class
python -m tfgan_zoo.sample --run=runs/my-infogan --sweep=1 --codes=3,nan,nan
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from tfgan_zoo.cli import command_line
from tfgan_zoo.cli.command_line import numbers
from tfgan_zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tfgan_zoo.saved_model.signature_calls import BaseSampler
    from tfgan_zoo.saved_model.sweeps import Sheet

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "A run's folder.")
EXPORT = flags.DEFINE_string("export", None, "A model's folder of an export, or one version of it.")
SERVER = flags.DEFINE_string("server", None, "HOST:PORT of TF Serving or of python -m tfgan_zoo.serve; with --model.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Of a run: latest, best or a step.")
UNSAFE = flags.DEFINE_bool("unsafe", False, "Load an export even if its files or graph are refused.")
MODEL = flags.DEFINE_string("model", None, "Of a server: NAME, NAME:VERSION or NAME:LABEL.")
CA = flags.DEFINE_string("ca", None, "Of a server with TLS: the PEM file of the authority that signed its certificate.")
CERT = flags.DEFINE_string("cert", None, "Of a server that asks for one: your certificate's PEM file.")
KEY = flags.DEFINE_string("key", None, "The PEM file of its key.")
TIMEOUT = flags.DEFINE_float("timeout", 60, "Of a server: seconds for a request, retries included.", lower_bound=0.001)
OUT = flags.DEFINE_string("out", "samples.png", "The grid's file; with --format=png a folder.")
FORMAT = flags.DEFINE_enum("format", "grid", ["grid", "png"], "One grid, or one PNG per image.")
NUM = flags.DEFINE_integer("num", None, "Images (64), points (2,500) or rows of --sweep (10).", 1, short_name="n")
SEED = flags.DEFINE_integer("seed", 0, "Seed of the first image; image i has seed + i.", lower_bound=0)
TRUNCATION = flags.DEFINE_float("truncation", None, "Bound of |z|, or psi, as the model's card says.", 0)
LABEL = flags.DEFINE_integer("label", None, "Class of the images, if the generator takes labels.", lower_bound=0)
CODES = flags.DEFINE_list("codes", None, "One value per code, such as 3,nan,0.5; nan is drawn from the seed.")
INTERPOLATE = flags.DEFINE_list("interpolate", None, "Two seeds A,B: --num images between them, or a .gif or .mp4.")
SWEEP = flags.DEFINE_string("sweep", None, "label, or a code's number: varies along the columns, one row per seed.")
SCALE = flags.DEFINE_integer("scale", 2, "Enlarges each pixel of images.", lower_bound=1)


def open_generator() -> "tuple[BaseSampler, Any]":
    """(the sampler that the flags name, the training data if that is points)."""
    from tfgan_zoo.runs import open_generator

    if sum(map(bool, (RUN.value, EXPORT.value, SERVER.value))) != 1:
        raise ZooError("give either --run or --export, a folder, or --server and --model; see --help.")
    if SERVER.value:
        tls = {"ca": CA.value, "cert": CERT.value, "key": KEY.value}
        return open_generator.open_server(SERVER.value, MODEL.value, timeout=TIMEOUT.value, **tls), None
    if RUN.value:
        return open_generator.open_run(RUN.value, CHECKPOINT.value)
    return open_generator.open_export(EXPORT.value or "", UNSAFE.value), None


def draw(generator: "BaseSampler") -> "tuple[str, Iterable[Sheet]]":
    """(the caption, the `Sheet`s) that the flags ask for: several for PNGs by seed, otherwise one."""
    import numpy as np

    from tfgan_zoo.saved_model import sweeps

    ends = numbers(INTERPOLATE, int, "1,9")
    conditions = TRUNCATION.value, LABEL.value, numbers(CODES, float, "3,nan,0.5")
    if ends and SWEEP.value:
        raise ZooError("give either --interpolate or --sweep.")
    if ends:
        if len(ends) != 2 or min(ends) < 0:
            raise ZooError(f"--interpolate={','.join(map(str, ends))}: expected two seeds, such as 1,9.")
        sheet = sweeps.path(generator, ends, NUM.value or 64, *conditions)
        return sheet.caption, [sheet]
    count = NUM.value or (10 if SWEEP.value else sweeps.POINTS if generator.points else 64)
    seeds = np.arange(SEED.value, SEED.value + count)
    if FORMAT.value == "png" and not SWEEP.value:
        return f"{count} samples, seeds {seeds[0]} to {seeds[-1]}", sweeps.chunks(generator, seeds, *conditions)
    if SWEEP.value:
        sheet = sweeps.sweep(generator, SWEEP.value, seeds, *conditions)
    else:
        sheet = sweeps.plain(generator, seeds, *conditions)
    return sheet.caption, [sheet]


def main() -> int:
    if not SERVER.value:
        command_line.load_tensorflow()
    from tfgan_zoo import pictures

    animated = Path(OUT.value).suffix in (".gif", ".mp4")
    if animated and (not INTERPOLATE.value or FORMAT.value == "png"):
        raise ZooError(f"--out={OUT.value}: an animation needs two seeds, --interpolate=A,B, and no --format.")
    generator, real = open_generator()
    if generator.points and (FORMAT.value == "png" or animated):
        raise ZooError("this generator makes points, not images; use --out=NAME.png without --format=png.")
    caption, sheets = draw(generator)
    if FORMAT.value == "png":
        folder = Path(OUT.value.removesuffix(".png"))
        for sheet in sheets:
            for name, image in zip(sheet.names, sheet.samples, strict=True):
                pictures.save_png(image, folder / f"{name}.png", SCALE.value)
        print(f"{caption}: {folder}/")
        return 0
    (sheet,) = sheets
    if animated:
        pictures.save_animation(sheet.samples, OUT.value, SCALE.value)
    else:
        pictures.save_png(pictures.picture(sheet.samples, sheet.columns, SCALE.value, real), OUT.value)
    print(f"{caption}: {OUT.value}")
    return 0


if __name__ == "__main__":
    command_line.run(main)
