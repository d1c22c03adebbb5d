"""A grid of generated images by OpenVINO, on a machine without TensorFlow: pip install openvino numpy pillow

python docs/examples/grid_openvino.py elsewhere/sngan_mnist/sngan_mnist_openvino grid.png
"""

import sys
from pathlib import Path

import numpy as np
import openvino
from PIL import Image

COLUMNS = 8
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}  # by default OpenVINO takes bfloat16 on CPUs that multiply in it


def draw(name, shape, rng):
    """64 values of an input: normal latents, the labels 0, 1, 2, ... in turn, codes of 0."""
    if name == "labels":
        return np.arange(COLUMNS**2, dtype=np.int32) % 10
    shape = [COLUMNS**2, *shape]
    return (np.zeros(shape) if name == "codes" else rng.standard_normal(shape)).astype(np.float32)


def main(folder, picture):
    model = openvino.Core().compile_model(str(Path(folder) / "model.xml"), "CPU", FLOAT32)
    rng = np.random.default_rng(0)
    sizes = {item.any_name: [side.get_length() for side in list(item.partial_shape)[1:]] for item in model.inputs}
    images = model({name: draw(name, shape, rng) for name, shape in sizes.items()})["images"]
    height, width, channels = images.shape[1:]
    rows = images.reshape(COLUMNS, COLUMNS, height, width, channels).transpose(0, 2, 1, 3, 4)
    grid = rows.reshape(COLUMNS * height, COLUMNS * width, channels)
    pixels = np.round((np.clip(grid, -1, 1) + 1) * 127.5).astype(np.uint8)
    Image.fromarray(pixels.squeeze()).save(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(
            "expected two arguments: a folder of `python -m tfgan_zoo.convert --formats=openvino`, and the picture to write."
        )
    main(*sys.argv[1:])
