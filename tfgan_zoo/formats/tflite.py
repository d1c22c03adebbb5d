"""TFLite, for phones and boards: float32, or with kernels in int8 (dynamic-range quantisation)."""

import warnings

SIGNATURE = "serving_default"


def always():
    """TensorFlow brings the converter."""


def write_float(source, path):
    """Writes a TFLite file. source: a SavedModel's folder with the one signature `serving_default`."""
    path.write_bytes(converter_of(source).convert())


def write_int8(source, path):
    """The same with every kernel of 1,024 weights or more in int8; inputs, outputs and sums stay float32."""
    import tensorflow as tf

    converter = converter_of(source)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path.write_bytes(converter.convert())


def converter_of(source):
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(source), signature_keys=[SIGNATURE])


def open_lite(path):
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the file."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interpreter tells that it will move to a package of its own
        interpreter = tf.lite.Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner(SIGNATURE)
    return lambda inputs: run(**inputs)
