"""Digits, what each of AmbientGAN's measurements shows of them, and what comes of inverting it, as one picture.

    python -m benchmarks.measurements --out=docs/ambientgan_measurements.png

Columns: the clean digit, then the kinds in the order of `measurements.KINDS`. Rows: for each digit its measurement, and
beneath it the digit brought back from that, where it can be. Lines of light are drawn as columns of the same grey.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgan_zoo.core import recipe_tables
from tfgan_zoo.data.inverse_measurements import INVERSES, unmeasured
from tfgan_zoo.data.pipeline import as_floats
from tfgan_zoo.data.sources import load_source
from tfgan_zoo.data.training_view import measured_once
from tfgan_zoo.observation.measurements import KINDS
from tfgan_zoo.pictures import grid, save_png, to_uint8

DIGITS, SIDE = (2, 5, 8), 46  # of which classes one is shown, and the pixels of a square: a line's length


def on_ground(image):
    """One uint8 image in the middle of a grey square."""
    square = np.full((SIDE, SIDE, 1), 128, np.uint8)
    top, left = ((SIDE - side) // 2 for side in image.shape[:2])
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    return square


def shown(seen):
    """One measurement as a uint8 image: an image as it is, a line as a band, one number as a small square."""
    if len(seen.shape) == 3:
        return on_ground(to_uint8(seen))
    band = np.tile(np.reshape(seen, [1, -1, 1]), [min(SIDE, 8 * len(seen)), 1 if len(seen) > 1 else 8, 1])
    return on_ground(to_uint8(band))


def picture(source, settings_of):
    """The rows of squares, uint8 [R, C, SIDE, SIDE, 1].

    source: a `Source` of a few images; settings_of: function of a kind -> the recipe's data settings.
    """
    count = source.size
    clean = [on_ground(image) for image in source.images]
    blank = np.full((SIDE, SIDE, 1), 128, np.uint8)
    columns = [[square for image in clean for square in (image, blank)]]
    for kind in KINDS:
        data = settings_of(kind)
        measure = measured_once(data.measurement, source.image_shape)
        seen = measure(as_floats(tf.constant(source.images)), tf.range(count, dtype=tf.int64))["images"].numpy()
        back = [on_ground(i) for i in unmeasured(source, data)] if kind in INVERSES else [blank] * count
        columns.append([square for pair in zip(map(shown, seen), back, strict=True) for square in pair])
    return np.stack(columns, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="docs/ambientgan_measurements.png", type=Path)
    arguments = parser.parse_args()
    data = recipe_tables.DataSettings(resolution=32)
    source = load_source(data)
    chosen = [np.flatnonzero(source.labels == digit)[0] for digit in DIGITS]
    few = dataclasses.replace(source, images=source.images[chosen], labels=source.labels[chosen])
    settings = {"patch": 14}
    squares = picture(
        few,
        lambda kind: data.model_copy(update={"measurement": recipe_tables.MeasurementSettings(kind=kind, **settings)}),
    )
    save_png(grid(squares.reshape(-1, SIDE, SIDE, 1), squares.shape[1], gap=2), arguments.out, scale=2)


if __name__ == "__main__":
    main()
