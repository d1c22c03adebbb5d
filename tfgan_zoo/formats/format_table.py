"""The formats by name. Importing this does not load TensorFlow."""

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfgan_zoo.formats import onnx, openvino, tfjs, tflite

FLOAT32_BOUND = 1e-3  # the exports of the zoo stay below 1e-4


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that a generator can be converted to.

    Attributes:
        suffix: follows the generator's name in the name of the file or folder.
        check: raises `ZooError` if what the conversion needs is not installed.
        write: (folder of a SavedModel with the single signature `serving_default`, path to write) -> None.
        open: path -> a function {name: array [B, ...]} -> {name: array [B, ...]}.
        runtime: what `open` computes with, for the card.
        bound: the largest difference from the SavedModel, as a share of its largest absolute value or of 1, whichever is larger,
            that can be rounding; a file that is further off is not written.
    """

    suffix: str
    check: Callable[[], None]
    write: Callable[[Path, Path], None]
    open: Callable[[Path], Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]]
    runtime: str
    bound: float = FLOAT32_BOUND


def formats(tfjs_converter: str = tfjs.PROGRAM) -> dict[str, Format]:
    """{name: `Format`}. tfjs_converter: name or path of the TF.js converter."""
    return {
        "tflite": Format(
            ".tflite", tflite.check_installed, tflite.write_float, tflite.open_tflite, "tf.lite.Interpreter"
        ),
        "tflite_int8": Format(
            "_int8.tflite",
            tflite.check_installed,
            tflite.write_int8,
            tflite.open_tflite,
            "tf.lite.Interpreter",
            math.inf,
        ),
        "onnx": Format(".onnx", onnx.check_installed, onnx.write_onnx, onnx.open_onnx, "ONNX Runtime"),
        "openvino": Format(
            "_openvino",
            openvino.check_installed,
            openvino.write_openvino,
            openvino.open_openvino,
            "OpenVINO, in float32",
        ),
        "tfjs": Format(
            "_tfjs",
            functools.partial(tfjs.check_installed, tfjs_converter),
            functools.partial(tfjs.write_tfjs, tfjs_converter),
            tfjs.open_tfjs,
            "TensorFlow, from TF.js' files",
        ),
    }
