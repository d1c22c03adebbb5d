"""TFLite, for phones and boards: float32, or with int8 kernels (dynamic-range quantisation).

The converter fuses a ReLU into the transposed convolution before it. TFLite computes that as it is meant; OpenVINO's reader of
TFLite files drops the ReLU without a word. `separate_activations` makes it an operation of its own.
"""

import copy
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
    path.write_bytes(separate_activations(converter(source).convert()))


def write_int8(source: Path, path: Path) -> None:
    """The same with every kernel of at least 1,024 weights in int8; inputs, outputs and sums stay float32."""
    import tensorflow as tf

    quantizer = converter(source)
    quantizer.optimizations = [tf.lite.Optimize.DEFAULT]
    path.write_bytes(separate_activations(quantizer.convert()))


def converter(source: Path) -> Any:
    """TensorFlow's converter of a SavedModel."""
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(source), signature_keys=[SIGNATURE])


def separate_activations(content: bytes) -> bytes:
    """A TFLite file in which every ReLU that was fused into a transposed convolution is an operation of its own.

    Args:
        content: a TFLite file; returned as it is where nothing is fused so.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    codes = [code.builtinCode for code in model.operatorCodes]
    relu, changed = schema.BuiltinOperator.RELU, False
    for subgraph in model.subgraphs:
        operators = []
        for operator in subgraph.operators:
            operators.append(operator)
            transposed = codes[operator.opcodeIndex] == schema.BuiltinOperator.TRANSPOSE_CONV
            options = operator.builtinOptions
            if not transposed or options.fusedActivationFunction != schema.ActivationFunctionType.RELU:
                continue
            if relu not in codes:
                codes.append(relu)
                model.operatorCodes.append(operator_code(schema, relu))
            (output,) = operator.outputs
            before = copy.copy(subgraph.tensors[output])
            before.name = before.name + b"/before_relu"
            subgraph.tensors.append(before)
            activation = schema.OperatorT()
            activation.opcodeIndex = codes.index(relu)
            activation.inputs, activation.outputs = [len(subgraph.tensors) - 1], [output]
            operator.outputs, options.fusedActivationFunction = activation.inputs, schema.ActivationFunctionType.NONE
            operators.append(activation)
            changed = True
        subgraph.operators = operators
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if changed else content


def operator_code(schema: Any, builtin: int) -> Any:
    """The first version of a builtin operation, for a TFLite file's table. schema: the module of TFLite's own types."""
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, builtin, 1
    return code


def open_tflite(path: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function {name: array [B, ...]} -> {name: array [B, ...]} that computes the file with TFLite's interpreter."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interpreter announces its move to a separate package
        interpreter = tf.lite.Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner(SIGNATURE)
    return lambda inputs: run(**inputs)
