"""ONNX, for ONNX Runtime and all else that reads it; written by tf2onnx."""

import importlib.util

from tfgan_zoo.core.errors import ZooError

OPSET = 17  # of 2022, which every runtime of today reads


def check_installed():
    """Raises `ZooError` where tf2onnx or ONNX Runtime, which measures the file, is not there."""
    missing = [name for name in ("tf2onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ZooError(
            f"--formats=onnx needs {' and '.join(missing)}: pip install 'tfgan_zoo[onnx]', or leave onnx out."
        )


def write_onnx(source, path):
    """Writes an ONNX file. source: a SavedModel's folder with the one signature `serving_default`."""
    import tensorflow as tf
    import tf2onnx

    loaded = tf.saved_model.load(str(source))
    signature = loaded.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    names = list(specs)
    function = tf.function(lambda *values: signature(**dict(zip(names, values, strict=True))), autograph=False)
    given = [tf.TensorSpec(specs[name].shape, specs[name].dtype, name=name) for name in names]
    model, _ = tf2onnx.convert.from_function(function, given, opset=OPSET)
    path.write_bytes(model.SerializeToString())


def open_onnx(path):
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))
