"""ONNX, for ONNX Runtime and everything else that reads it; written by tf2onnx."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfgan_zoo.core.errors import ZooError

OPSET = 17  # released in 2022, read by every current runtime


def check_installed() -> None:
    """Raises `ZooError` unless tf2onnx and ONNX Runtime, which computes the written file, are installed."""
    missing = [name for name in ("tf2onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ZooError(
            f"--formats=onnx needs {' and '.join(missing)}: pip install 'tfgan_zoo[onnx]', or leave onnx out."
        )


def write_onnx(source: Path, path: Path) -> None:
    """Writes an ONNX file. source: the folder of a SavedModel with the single signature `serving_default`."""
    import tensorflow as tf
    import tf2onnx

    loaded = tf.saved_model.load(str(source))
    signature = loaded.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    names = list(specs)
    function = tf.function(lambda *values: signature(**dict(zip(names, values, strict=True))), autograph=False)
    inputs = [tf.TensorSpec(specs[name].shape, specs[name].dtype, name=name) for name in names]
    model, _ = tf2onnx.convert.from_function(function, inputs, opset=OPSET)
    path.write_bytes(model.SerializeToString())


def open_onnx(path: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the file with ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))
