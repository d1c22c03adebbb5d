"""Images/s of every level of a pyramid through the input pipeline, drawn at random, and of writing one.

    python -m benchmarks.pyramid                  makes photograph-like images of 1024 x 1024 in a temporary folder
    python -m benchmarks.pyramid --dir=DIR        an existing pyramid
    python -m benchmarks.pyramid --beside_steps   each level of the embedded digits' beside a step of pggan's quickstart

The batch sizes are those of progressive growing (16 up to 128 x 128, then 14, 6 and 3). Random access, as training does it:
each batch is a part of a permutation of all images. The files are in the operating system's cache, as far as it has room.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import results

LARGEST = 1024
BATCHES = {256: 14, 512: 6, 1024: 3}
SECONDS = 3.0


def photographs(folder, count):
    """Writes JPEGs as smooth as portraits: amplitude 1 / frequency^1.5, and a sensor's noise."""
    from PIL import Image

    random, frequencies = np.random.default_rng(0), np.fft.fftfreq(LARGEST)
    radius = np.maximum(np.hypot(frequencies[:, None], frequencies), 1 / LARGEST)[..., None]
    for number in range(count):
        waves = np.fft.ifft2(
            np.fft.fft2(random.normal(size=[LARGEST, LARGEST, 3]), axes=(0, 1)) / radius**1.5, axes=(0, 1)
        )
        image = 128 + 50 * waves.real / waves.real.std() + random.normal(0, 1, [LARGEST, LARGEST, 3])
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(folder / f"{number:04}.jpg", quality=95)


def written(source, folder, png_from):
    """(seconds, MiB) of writing the pyramid of a folder of images."""
    from tfgan_zoo.core.recipe_tables import DataSettings
    from tfgan_zoo.data.prepare import prepare
    from tfgan_zoo.data.pyramid_plan import resolutions_of

    start = time.perf_counter()
    settings = DataSettings(source=f"folder:{source}", resolution=LARGEST)
    prepare(settings, folder, resolutions_of(f"4..{LARGEST}"), png_from=png_from)
    return time.perf_counter() - start, sum(path.stat().st_size for path in folder.rglob("*.tfrecord")) / 2**20


def rate(source, batch_size):
    """Images/s of the pipeline when nobody trains."""
    from tfgan_zoo.data.pipeline import batches

    iterator = iter(batches(source.images, source.labels, batch_size, seed=0))
    next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        next(iterator)
        count += batch_size
    return count / (time.perf_counter() - start)


def report(folder):
    """Prints and returns {side: images/s} of the levels of a pyramid."""
    from tfgan_zoo.core.recipe_tables import DataSettings
    from tfgan_zoo.data.sources import load_source

    source, rates = load_source(DataSettings(source=f"pyramid:{folder}")), {}
    for side in source.images.about["resolutions"]:
        level, batch_size = source.at(side), BATCHES.get(side, 16)
        rates[side] = rate(level, batch_size)
        kind = "png" if level.images.png else "raw"
        print(f"{side:5} x {side:<5} {kind}  batch {batch_size:2}  {rates[side]:10,.0f} images/s", flush=True)
    return rates


def step_rate(trainer, stage, source, seconds=SECONDS):
    """Images/s of one stage's training steps, from the middle of its fade."""
    import tensorflow as tf

    from tfgan_zoo.data.pipeline import batches

    images = source.at(stage.resolution).images
    run = trainer.compile(stage, 0)
    iterator = iter(batches(images, source.labels, stage.batch_size, seed=0))
    run(iterator, tf.constant(2))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        run(iterator, tf.constant(5))[0].numpy()
        count += 5 * stage.batch_size
    return count / (time.perf_counter() - start)


def beside_steps(folder):
    """Prints a row for each stage of pggan's quickstart, which trains from a pyramid of the embedded digits.

    Returns {side: {"pipeline", "steps": images/s}}.
    """
    from tfgan_zoo.core import catalog, recipe
    from tfgan_zoo.core.recipe_tables import DataSettings
    from tfgan_zoo.data.prepare import prepare
    from tfgan_zoo.data.pyramid_plan import resolutions_of
    from tfgan_zoo.data.sources import load_source
    from tfgan_zoo.runs import building
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    table = {"model": "pggan", **catalog.preset_table("pggan", "quickstart")}
    settings = catalog.completed(recipe.parse(recipe.override(table, [f"data.source=pyramid:{folder}"])))
    prepare(DataSettings(source="mnist5k", resolution=32), folder, resolutions_of("4..32"))
    source = load_source(settings.data)
    trainer = Trainer(
        settings, building.game_builder(settings, source.image_shape, source.classes), make_strategy("one")
    )
    print("| stage | batch | pipeline alone, images/s | steps, images/s | ratio |\n|---|---|---|---|---|")
    rates = {}
    for stage in settings.schedule:
        alone = rate(source.at(stage.resolution), stage.batch_size)
        steps = step_rate(trainer, stage, source)
        side, batch = stage.resolution, stage.batch_size
        print(f"| {side} x {side} | {batch} | {alone:,.0f} | {steps:,.0f} | {alone / steps:.0f} |", flush=True)
        rates[side] = {"pipeline": alone, "steps": steps}
    return rates


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--dir", help="an existing pyramid")
    parser.add_argument("--images", type=int, default=64, help="images that are made")
    parser.add_argument("--beside_steps", action="store_true", help="beside the steps of pggan's quickstart")
    arguments = parser.parse_args()
    if arguments.beside_steps:
        with tempfile.TemporaryDirectory() as folder:
            results.save("pyramid_beside_steps", beside_steps(Path(folder) / "mnist5k"), arguments)
        return
    if arguments.dir:
        results.save("pyramid_of_a_folder", report(Path(arguments.dir)), arguments)
        return
    figures = {}
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        (place / "photographs").mkdir()
        photographs(place / "photographs", arguments.images)
        for name, png_from in (("PNG at 1024", 1024), ("all raw", 0)):
            seconds, size = written(place / "photographs", place / name, png_from)
            print(
                f"{name}: written at {arguments.images / seconds:.1f} images/s, {size / arguments.images:.2f} MiB an image"
            )
            figures[name] = {
                "written": arguments.images / seconds,
                "mebibytes_per_image": size / arguments.images,
                "read": report(place / name),
            }
    results.save("pyramid", figures, arguments)


if __name__ == "__main__":
    main()
