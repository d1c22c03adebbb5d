"""A grid of generated images by LiteRT, on a machine without TensorFlow: pip install ai-edge-litert numpy pillow

python docs/examples/grid_litert.py elsewhere/sngan_mnist/sngan_mnist.tflite grid.png
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

COLUMNS = 8


def draw(name, details, rng):
    """64 values of an input: normal latents, the labels 0, 1, 2, ... in turn, codes of 0."""
    shape = [COLUMNS**2, *details["shape"][1:]]
    if name == "labels":
        return np.arange(COLUMNS**2, dtype=details["dtype"]) % 10
    return (np.zeros(shape) if name == "codes" else rng.standard_normal(shape)).astype(details["dtype"])


def main(path, picture):
    generate = Interpreter(model_path=path).get_signature_runner("serving_default")
    rng = np.random.default_rng(0)
    inputs = {name: draw(name, details, rng) for name, details in generate.get_input_details().items()}
    images = generate(**inputs)["images"]
    height, width, channels = images.shape[1:]
    rows = images.reshape(COLUMNS, COLUMNS, height, width, channels).transpose(0, 2, 1, 3, 4)
    grid = rows.reshape(COLUMNS * height, COLUMNS * width, channels)
    pixels = np.round((np.clip(grid, -1, 1) + 1) * 127.5).astype(np.uint8)
    Image.fromarray(pixels.squeeze()).save(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("expected two arguments: a TFLite file of `python -m tfgan_zoo.convert`, and the picture to write.")
    main(*sys.argv[1:])
