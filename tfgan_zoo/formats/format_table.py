"""The formats by name. Importing this does not load TensorFlow."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfgan_zoo.formats import onnx, tfjs, tflite


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that a generator can be converted to.

    Attributes:
        suffix: follows the generator's name in the name of the file or folder.
        check: raises `ZooError` if what the conversion needs is not installed.
        write: (folder of a SavedModel with the single signature `serving_default`, path to write) -> None.
        open: path -> a function {name: array [B, ...]} -> {name: array [B, ...]}.
        runtime: what `open` computes with, for the card.
    """

    suffix: str
    check: Callable[[], None]
    write: Callable[[Path, Path], None]
    open: Callable[[Path], Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]]
    runtime: str


def formats(tfjs_converter: str = tfjs.PROGRAM) -> dict[str, Format]:
    """{name: `Format`}. tfjs_converter: name or path of the TF.js converter."""
    return {
        "tflite": Format(
            ".tflite", tflite.check_installed, tflite.write_float, tflite.open_tflite, "tf.lite.Interpreter"
        ),
        "tflite_int8": Format(
            "_int8.tflite", tflite.check_installed, tflite.write_int8, tflite.open_tflite, "tf.lite.Interpreter"
        ),
        "onnx": Format(".onnx", onnx.check_installed, onnx.write_onnx, onnx.open_onnx, "ONNX Runtime"),
        "tfjs": Format(
            "_tfjs",
            functools.partial(tfjs.check_installed, tfjs_converter),
            functools.partial(tfjs.write_tfjs, tfjs_converter),
            tfjs.open_tfjs,
            "TensorFlow, from TF.js' files",
        ),
    }
