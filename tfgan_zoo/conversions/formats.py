"""The formats by name. Importing this loads no TensorFlow."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from tfgan_zoo.conversions import browser, exchange, lite


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


def formats(tfjs_converter=browser.PROGRAM):
    """{name: `Format`}. tfjs_converter: the name or path of TF.js' converter."""
    return {
        "tflite": Format(".tflite", lite.always, lite.write_float, lite.open_lite, "tf.lite.Interpreter"),
        "tflite_int8": Format("_int8.tflite", lite.always, lite.write_int8, lite.open_lite, "tf.lite.Interpreter"),
        "onnx": Format(".onnx", exchange.check_installed, exchange.write_onnx, exchange.open_onnx, "ONNX Runtime"),
        "tfjs": Format(
            "_tfjs",
            functools.partial(browser.check_program, tfjs_converter),
            functools.partial(browser.write_tfjs, tfjs_converter),
            browser.open_tfjs,
            "TensorFlow, from TF.js' files",
        ),
    }
