"""The messages that the clients exchange with TF Serving, and how they carry arrays, without TensorFlow.

Field numbers are those of TF Serving's predict.proto, get_model_metadata.proto, get_model_status.proto and model.proto and
of TensorFlow's tensor.proto and meta_graph.proto. TensorFlow's own modules would work too, but take seconds to import.
"""

import functools
import math
from typing import Any

import numpy as np

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.message_builder import build

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
# {TensorFlow's dtype number: (NumPy dtype, the field with its values if they are not in tensor_content)}
DTYPES: dict[int, tuple[np.dtype, str]] = {
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
def message(name: str) -> Any:
    """The class of one of `MESSAGES`."""
    return classes()[name]


@functools.cache
def classes() -> dict[str, Any]:
    """{name: class} of `MESSAGES`."""
    return build("tfgan_zoo.wire", MESSAGES)


def encode(array: np.ndarray) -> Any:
    """The `Tensor` message of a numeric array, with its values in tensor_content."""
    array = np.ascontiguousarray(array)
    tensor = message("Tensor")(
        dtype=NUMBERS[array.dtype], tensor_content=array.astype(array.dtype.newbyteorder("<")).tobytes()
    )
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def dtype_of(number: int) -> np.dtype:
    """The NumPy dtype, `object` for strings, of TensorFlow's dtype number.

    Raises:
        ZooError: no export of this library uses that dtype.
    """
    if number not in DTYPES:
        known = ", ".join(map(str, DTYPES))
        raise ZooError(f"got a tensor of TensorFlow's dtype {number}; exports of this library use only {known}.")
    return DTYPES[number][0]


def shape_of(shape: Any) -> tuple[int | None, ...]:
    """A `Shape` message as a tuple, with None for unknown sizes."""
    return tuple(dimension.size if dimension.size >= 0 else None for dimension in shape.dim)


def decode(tensor: Any, expected: tuple[int | None, ...]) -> np.ndarray:
    """The array in a `Tensor` message, from tensor_content or from typed fields, whose last value fills up the rest.

    Args:
        expected: its shape, with None for any size. Without it a small message could claim any amount of memory.

    Raises:
        ZooError: the shape differs, or the number of values does not fit it.
    """
    dtype = dtype_of(tensor.dtype)
    shape = [dimension.size for dimension in tensor.tensor_shape.dim]
    if len(shape) != len(expected) or any(s < 0 or e not in (None, s) for s, e in zip(shape, expected, strict=True)):
        raise ZooError(f"the server's tensor has shape {shape}; its metadata state {list(expected)}.")
    count = math.prod(shape)
    if tensor.tensor_content:
        if dtype.hasobject or len(tensor.tensor_content) != count * dtype.itemsize:
            raise ZooError(f"got {len(tensor.tensor_content)} bytes for a {dtype} tensor of shape {shape}.")
        return np.frombuffer(tensor.tensor_content, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    field = getattr(tensor, DTYPES[tensor.dtype][1])
    values = np.empty(len(field), dtype)
    values[:] = field
    if len(values) > count or (dtype.hasobject and len(values) != count):
        raise ZooError(f"got {len(values)} values for a {dtype} tensor of shape {shape}.")
    last = values[-1] if len(values) else 0
    return np.concatenate([values, np.full(count - len(values), last, dtype)]).reshape(shape)
