"""Arrays as TensorProtos, in TensorFlow Serving's two forms: typed fields, its default, or `tensor_content`."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

# The field of each NumPy dtype's values. Types of 16 bits that NumPy computes with as floats have their bits in half_val.
TYPED_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "object": "string_val",
    **dict.fromkeys(("float16", "bfloat16"), "half_val"),
}


def tensor_proto(array: np.ndarray, as_content: bool) -> tensor_pb2.TensorProto:
    """The TensorProto of an output.

    Args:
        array: of any shape; of dtype object for strings, whose values are bytes.
        as_content: whether numbers are bytes in `tensor_content`, which is far cheaper: 0.3 ms instead of 30 ms for 64 uint8
            images of 64x64x3. Otherwise each number is a value of its type's field, such as `float_val`. Strings are in
            `string_val` either way, and types without a field in `tensor_content`.
    """
    is_string = array.dtype == object
    dtype = tf.string if is_string else tf.as_dtype(array.dtype)
    field = TYPED_FIELDS.get(array.dtype.name, "tensor_content")
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if field == "tensor_content" or (as_content and not is_string):
        proto.tensor_content = array.tobytes()
    elif field == "half_val":
        proto.half_val.extend(array.view(np.uint16).ravel().tolist())
    else:
        getattr(proto, field).extend(array.ravel().tolist())
    return proto
