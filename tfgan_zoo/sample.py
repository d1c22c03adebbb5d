"""Draws samples from a run or an export: same seed, same image.

python -m tfgan_zoo.sample --run=runs/my-run                            a grid of 64 images
python -m tfgan_zoo.sample --export=export/sngan_mnist --seed=7 --num=1 --format=png
python -m tfgan_zoo.sample --export=export/sngan_mnist --interpolate=1,9 --num=10
python -m tfgan_zoo.sample --run=runs/my-run --interpolate=1,9 --num=60 --out=way.gif       or .mp4
python -m tfgan_zoo.sample --run=runs/my-acgan --sweep=label            a row a seed, a column a class
python -m tfgan_zoo.sample --run=runs/my-infogan --sweep=1 --codes=3,nan,nan
"""

from pathlib import Path

from absl import flags

from tfgan_zoo import command_line

flags.adopt_module_key_flags(command_line)

RUN = flags.DEFINE_string("run", None, "A run's folder.")
EXPORT = flags.DEFINE_string("export", None, "A model's folder of an export, or one version of it.")
CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "Of a run: latest, best or a step.")
OUT = flags.DEFINE_string("out", "samples.png", "The grid's file; with --format=png a folder.")
FORMAT = flags.DEFINE_enum("format", "grid", ["grid", "png"], "One grid, or one PNG an image.")
NUM = flags.DEFINE_integer(
    "num", None, "How many images (64, or 2,500 points); with --sweep how many rows (10).", lower_bound=1
)
SEED = flags.DEFINE_integer("seed", 0, "Seed of the first image; image i has seed + i.", lower_bound=0)
TRUNCATION = flags.DEFINE_float(
    "truncation", None, "Bound of the latent: less variety, fewer odd images.", lower_bound=0
)
LABEL = flags.DEFINE_integer("label", None, "Class of the images, where the generator takes labels.", lower_bound=0)
CODES = flags.DEFINE_list("codes", None, "One value a code, such as 3,nan,0.5; nan is drawn by seed.")
INTERPOLATE = flags.DEFINE_list("interpolate", None, "Two seeds A,B: --num images on the way, or a .gif or .mp4.")
SWEEP = flags.DEFINE_string("sweep", None, "label, or a code's number: it varies along the columns, a row a seed.")
SCALE = flags.DEFINE_integer("scale", 2, "Enlarges each pixel of images.", lower_bound=1)


def open_generator():
    """(the `Generator`, the training data where that is points)."""
    from tfgan_zoo.errors import ZooError
    from tfgan_zoo.exporting import real_points
    from tfgan_zoo.runs import Run
    from tfgan_zoo.serving.signatures import ExportedGenerator
    from tfgan_zoo.serving.version_folder import load_version, newest

    if bool(RUN.value) == bool(EXPORT.value):
        raise ZooError("give either --run or --export, a folder; see --help.")
    if RUN.value:
        run = Run(RUN.value)
        network, prior, step = run.generator(CHECKPOINT.value)
        print(f"{RUN.value}, step {step:,}")
        return ExportedGenerator(network, prior).generator(), real_points(run)
    folder = newest(EXPORT.value)
    print(folder)
    return load_version(folder), None


def numbers(flag, kind, example):
    """The flag's list as numbers of a kind, None where it is not given."""
    from tfgan_zoo.errors import ZooError

    try:
        return flag.value and [kind(text) for text in flag.value]
    except ValueError:
        raise ZooError(f"--{flag.name}={','.join(flag.value)}: expected numbers, such as {example}.") from None


def draw(generator):
    """The `Sheet` that the flags ask for."""
    import numpy as np

    from tfgan_zoo.errors import ZooError
    from tfgan_zoo.serving import sweeps

    ends = numbers(INTERPOLATE, int, "1,9")
    given = TRUNCATION.value, LABEL.value, numbers(CODES, float, "3,nan,0.5")
    if ends and SWEEP.value:
        raise ZooError("give either --interpolate or --sweep.")
    if ends:
        if len(ends) != 2 or min(ends) < 0:
            raise ZooError(
                f"--interpolate={','.join(INTERPOLATE.value)}: expected two seeds, such as --interpolate=1,9."
            )
        return sweeps.path(generator, ends, NUM.value or 64, *given)
    count = NUM.value or (10 if SWEEP.value else sweeps.POINTS if generator.points else 64)
    seeds = np.arange(SEED.value, SEED.value + count)
    return (
        sweeps.sweep(generator, SWEEP.value, seeds, *given) if SWEEP.value else sweeps.plain(generator, seeds, *given)
    )


def main():
    command_line.load_tensorflow()
    from tfgan_zoo import pictures
    from tfgan_zoo.errors import ZooError

    moving = Path(OUT.value).suffix in (".gif", ".mp4")
    if moving and (not INTERPOLATE.value or FORMAT.value == "png"):
        raise ZooError(f"--out={OUT.value}: an animation shows a way: give --interpolate=A,B too, and no --format.")
    generator, real = open_generator()
    if generator.points and (FORMAT.value == "png" or moving):
        raise ZooError("animations and --format=png are for images, and this generator makes points; take a .png.")
    sheet = draw(generator)
    if moving:
        pictures.save_animation(sheet.samples, OUT.value, SCALE.value)
        print(f"{sheet.caption}: {OUT.value}")
    elif FORMAT.value == "grid":
        pictures.save_png(pictures.picture(sheet.samples, sheet.columns, SCALE.value, real), OUT.value)
        print(f"{sheet.caption}: {OUT.value}")
    else:
        folder = Path(OUT.value).with_suffix("") if OUT.value.endswith(".png") else Path(OUT.value)
        for name, image in zip(sheet.names, sheet.samples, strict=True):
            pictures.save_png(image, folder / f"{name}.png", SCALE.value)
        print(f"{sheet.caption}: {folder}/")
    return 0


if __name__ == "__main__":
    command_line.run(main)
