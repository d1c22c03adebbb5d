"""The messages that a client of TF Serving sends and reads, and arrays in them, without TensorFlow.

Numbers of the fields are those of TF Serving's predict.proto, get_model_metadata.proto, get_model_status.proto and model.proto
and TensorFlow's tensor.proto and meta_graph.proto. TensorFlow's own modules would do, and take seconds to import.
"""

import functools
import math

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.messages import build

MESSAGES = {
    "Int64Value": {"value": (1, "int64")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "Dimension": {"size": (1, "int64")},
    "Shape": {"dim": (2, "repeated Dimension"), "unknown_rank": (3, "bool")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "Shape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated float"),
        "double_val": (6, "repeated double"),
        "int_val": (7, "repeated int32"),
        "string_val": (8, "repeated bytes"),
        "int64_val": (10, "repeated int64"),
        "bool_val": (11, "repeated bool"),
    },
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "map Tensor")},
    "PredictResponse": {"outputs": (1, "map Tensor")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "MetadataRequest": {"model_spec": (1, "ModelSpec"), "metadata_field": (2, "repeated string")},
    "MetadataResponse": {"metadata": (2, "map Any")},
    "TensorInfo": {"dtype": (2, "int32"), "tensor_shape": (3, "Shape")},
    "Signature": {"inputs": (1, "map TensorInfo"), "outputs": (2, "map TensorInfo")},
    "Signatures": {"signature_def": (1, "map Signature")},
    "StatusRequest": {"model_spec": (1, "ModelSpec")},
    "Status": {"error_code": (1, "int32"), "error_message": (2, "string")},
    "VersionStatus": {"version": (1, "int64"), "state": (2, "int32"), "status": (3, "Status")},
    "StatusResponse": {"model_version_status": (1, "repeated VersionStatus")},
}
# TensorFlow's number of a type, the array's, and the field that holds its values where they are not in tensor_content.
DTYPES = {
    1: (np.dtype(np.float32), "float_val"),
    2: (np.dtype(np.float64), "double_val"),
    3: (np.dtype(np.int32), "int_val"),
    4: (np.dtype(np.uint8), "int_val"),
    5: (np.dtype(np.int16), "int_val"),
    6: (np.dtype(np.int8), "int_val"),
    7: (np.dtype(object), "string_val"),
    9: (np.dtype(np.int64), "int64_val"),
    10: (np.dtype(bool), "bool_val"),
}
NUMBERS = {dtype: number for number, (dtype, _) in DTYPES.items()}


@functools.cache
def message(name):
    """The class of one of `MESSAGES`."""
    return classes()[name]


@functools.cache
def classes():
    return build("tfgan_zoo.wire", MESSAGES)


def encode(array):
    """A `Tensor` message of a number array, its values in tensor_content."""
    array = np.ascontiguousarray(array)
    tensor = message("Tensor")(
        dtype=NUMBERS[array.dtype], tensor_content=array.astype(array.dtype.newbyteorder("<")).tobytes()
    )
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def dtype_of(number):
    """The NumPy type, `object` for texts, of TensorFlow's number.

    Raises:
        ZooError: this library makes none of that type.
    """
    if number not in DTYPES:
        raise ZooError(f"a tensor of TensorFlow's type {number}, which no export of this library has.")
    return DTYPES[number][0]


def shape_of(shape):
    """A `Shape` message as a tuple; None for what is not known."""
    return tuple(dimension.size if dimension.size >= 0 else None for dimension in shape.dim)


def decode(tensor, expected):
    """The array in a `Tensor`, from tensor_content or from typed fields, where one value may stand for all.

    expected: its shape; None for a size that may be any. Without it a small message could ask for any memory.

    Raises:
        ZooError: the shape is another, or there are too many or too few values for it.
    """
    dtype, shape = dtype_of(tensor.dtype), shape_of(tensor.tensor_shape)
    if len(shape) != len(expected) or any(e is not None and e != s for s, e in zip(shape, expected, strict=True)):
        raise ZooError(f"the server's tensor has shape {list(shape)}, and its metadata promised {list(expected)}.")
    count = math.prod(shape)
    if tensor.tensor_content:
        if dtype.hasobject or len(tensor.tensor_content) != count * dtype.itemsize:
            raise ZooError(f"{len(tensor.tensor_content)} bytes came for a {dtype} tensor of shape {list(shape)}.")
        return np.frombuffer(tensor.tensor_content, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    given = getattr(tensor, DTYPES[tensor.dtype][1])
    values = np.empty(len(given), dtype)
    values[:] = given
    if len(values) > count or (dtype.hasobject and len(values) != count):
        raise ZooError(f"{len(values)} values came for a {dtype} tensor of shape {list(shape)}.")
    last = values[-1] if len(values) else 0
    return np.concatenate([values, np.full(count - len(values), last, dtype)]).reshape(shape)
