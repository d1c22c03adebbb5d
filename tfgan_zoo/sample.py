"""Draws images from a run or an export: same seed, same image.

python -m tfgan_zoo.sample --run=runs/my-run                            a grid of 64 images
python -m tfgan_zoo.sample --export=export/sngan_mnist --seed=7 --num=1 --format=png
python -m tfgan_zoo.sample --export=export/sngan_mnist --interpolate=1,9 --num=10
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
NUM = flags.DEFINE_integer("num", 64, "How many images.", lower_bound=1)
SEED = flags.DEFINE_integer("seed", 0, "Seed of the first image; image i has seed + i.", lower_bound=0)
TRUNCATION = flags.DEFINE_float(
    "truncation", None, "Bound of the latent: less variety, fewer odd images.", lower_bound=0
)
LABEL = flags.DEFINE_integer("label", None, "Class of the images, where the generator takes labels.", lower_bound=0)
INTERPOLATE = flags.DEFINE_list("interpolate", None, "Two seeds A,B: --num images on the way from A to B.")
SCALE = flags.DEFINE_integer("scale", 2, "Enlarges each pixel.", lower_bound=1)


def open_generator():
    import tensorflow as tf

    from tfgan_zoo.errors import ZooError
    from tfgan_zoo.runs import Run
    from tfgan_zoo.serving.generators import Generator
    from tfgan_zoo.serving.signatures import ExportedGenerator
    from tfgan_zoo.serving.version_folder import newest

    if bool(RUN.value) == bool(EXPORT.value):
        raise ZooError("give either --run or --export, a folder; see --help.")
    if RUN.value:
        network, prior, step = Run(RUN.value).generator(CHECKPOINT.value)
        print(f"{RUN.value}, step {step:,}")
        return Generator(ExportedGenerator(network, prior).functions)
    folder = newest(EXPORT.value)
    print(folder)
    loaded = tf.saved_model.load(str(folder))
    generator = Generator(loaded.signatures)
    generator.loaded = loaded  # its variables live as long as it does
    return generator


def main():
    command_line.load_tensorflow()
    import numpy as np

    from tfgan_zoo import pictures
    from tfgan_zoo.errors import ZooError
    from tfgan_zoo.serving.generators import interpolate

    generator = open_generator()
    seeds = np.arange(SEED.value, SEED.value + NUM.value)
    if INTERPOLATE.value:
        if len(INTERPOLATE.value) != 2 or not all(s.strip().isdigit() for s in INTERPOLATE.value):
            raise ZooError(
                f"--interpolate={','.join(INTERPOLATE.value)}: expected two seeds, such as --interpolate=1,9."
            )
        ends = generator.latents([int(s) for s in INTERPOLATE.value], TRUNCATION.value)
        noise = interpolate(*ends, NUM.value)
        images = pictures.to_uint8(generator.from_latents(noise, LABEL.value))
    else:
        images = generator.sample(seeds, TRUNCATION.value, LABEL.value)
    if FORMAT.value == "grid":
        columns = NUM.value if INTERPOLATE.value and NUM.value <= 16 else None
        pictures.save_png(pictures.grid(images, columns), OUT.value, SCALE.value)
        print(f"{len(images)} images in {OUT.value}")
    else:
        folder = Path(OUT.value).with_suffix("") if OUT.value.endswith(".png") else Path(OUT.value)
        for i, image in enumerate(images):
            name = f"step-{i:04d}" if INTERPOLATE.value else f"seed-{seeds[i]:06d}"
            pictures.save_png(image, folder / f"{name}.png", SCALE.value)
        print(f"{len(images)} images in {folder}/")
    return 0


if __name__ == "__main__":
    command_line.run(main)
