"""The formats by name. Importing this loads no TensorFlow."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from tfgan_zoo.formats import onnx, tfjs, tflite


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that a generator can be converted to.

    ending: what follows the generator's name in that of its file or folder.
    check: raises `ZooError` where what it needs is not installed.
    write: (a SavedModel's folder with the one signature `serving_default`, path) -> None.
    open: path -> a function {name: array [B, ...]} -> {name: array [B, ...]}.
    computed_by: what `open` computes with, in words.
    """

    ending: str
    check: Callable[[], None]
    write: Callable[[Path, Path], None]
    open: Callable[[Path], Callable[[dict], dict]]
    computed_by: str


def formats(tfjs_converter=tfjs.PROGRAM):
    """{name: `Format`}. tfjs_converter: the name or path of TF.js' converter."""
    return {
        "tflite": Format(".tflite", tflite.always, tflite.write_float, tflite.open_lite, "tf.lite.Interpreter"),
        "tflite_int8": Format(
            "_int8.tflite", tflite.always, tflite.write_int8, tflite.open_lite, "tf.lite.Interpreter"
        ),
        "onnx": Format(".onnx", onnx.check_installed, onnx.write_onnx, onnx.open_onnx, "ONNX Runtime"),
        "tfjs": Format(
            "_tfjs",
            functools.partial(tfjs.check_program, tfjs_converter),
            functools.partial(tfjs.write_tfjs, tfjs_converter),
            tfjs.open_tfjs,
            "TensorFlow, from TF.js' files",
        ),
    }
