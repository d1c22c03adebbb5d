"""TFLite, for phones and boards: float32, or with int8 kernels (dynamic-range quantisation)."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIGNATURE = "serving_default"


def check_installed() -> None:
    """Does nothing: TensorFlow includes the converter."""


def write_float(source: Path, path: Path) -> None:
    """Writes a float32 TFLite file. source: the folder of a SavedModel with the single signature `serving_default`."""
    path.write_bytes(converter(source).convert())


def write_int8(source: Path, path: Path) -> None:
    """The same with every kernel of at least 1,024 weights in int8; inputs, outputs and sums stay float32."""
    import tensorflow as tf

    quantizer = converter(source)
    quantizer.optimizations = [tf.lite.Optimize.DEFAULT]
    path.write_bytes(quantizer.convert())


def converter(source: Path) -> Any:
    """TensorFlow's converter of a SavedModel."""
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(source), signature_keys=[SIGNATURE])


def open_tflite(path: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the file with TFLite's interpreter."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interpreter announces its move to a separate package
        interpreter = tf.lite.Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner(SIGNATURE)
    return lambda inputs: run(**inputs)
