"""TF Serving's JSON format: "instances" by row or "inputs" by name, and outputs in the same form as the inputs."""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgan_zoo.serving.server.servable import Signature
from tfgan_zoo.serving.server.status import invalid_argument

KIND_NAMES = {"f": "float", "i": "int", "u": "int", "b": "bool", "O": "string"}
SHORT_INFINITY = re.compile(r"\bInf\b")
STRING_OR_SHORT_INFINITY = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|\bInf\b', re.DOTALL)
MAX_VALUE_LENGTH = 100  # characters of a value quoted in a message


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body, with "instances" or "inputs". Raises: StatusError."""
    request = parse_object(body)
    if ("instances" in request) == ("inputs" in request):
        raise invalid_argument("Request must have either 'instances' or 'inputs' as a key")
    return request


def parse_examples(body: bytes) -> dict[str, Any]:
    """The JSON object in the body of a request to classify or regress, with "examples". Raises: StatusError."""
    request = parse_object(body)
    if "examples" not in request:
        raise invalid_argument("When method is classify, key 'examples' is expected and was not found")
    if not isinstance(request["examples"], list):
        raise invalid_argument("Expecting 'examples' value to be an list/array")
    if not request["examples"]:
        raise invalid_argument("'examples' value is an empty array")
    return request


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body, read as TF Serving does: UTF-8 alone, also `Inf`, and nothing after the object.

    Raises:
        StatusError: INVALID_ARGUMENT.
    """
    try:
        text = body.decode("utf-8-sig").lstrip(" \t\r\n")
        if not text:
            raise invalid_argument("JSON Parse error: The document is empty")
        if SHORT_INFINITY.search(text):
            text = STRING_OR_SHORT_INFINITY.sub(lambda match: match["string"] or "Infinity", text)
        request, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise invalid_argument(f"JSON Parse error: {reason}") from None
    if not isinstance(request, dict):
        raise invalid_argument("Request body must be a JSON object with instances or inputs")
    if not isinstance(request.get("signature_name", ""), str):
        raise invalid_argument("'signature_name' key must be a string value.")
    return request


def read_inputs(request: Mapping[str, Any], signature: Signature, largest: int) -> tuple[dict[str, np.ndarray], int]:
    """({input: array}, rows) of a parsed request.

    Args:
        request: from `parse`.
        signature: the signature to run.
        largest: maximum number of rows of one request.

    Raises:
        StatusError: INVALID_ARGUMENT if the values do not fit the signature.
    """
    values = (
        values_by_name(request["inputs"], signature)
        if "inputs" in request
        else columns_of(request["instances"], signature)
    )
    signature.check_names(values)
    flat = {name: flatten(name, values[name], i.spec.shape.rank) for name, i in signature.inputs.items()}
    rows = signature.count_rows({name: shape for name, (_, shape) in flat.items()}, largest)
    return {n: array_of(n, *flat[n], i.spec.dtype.as_numpy_dtype) for n, i in signature.inputs.items()}, rows


def values_by_name(values: Any, signature: Signature) -> Mapping[str, Any]:
    """{input: nested lists} of "inputs"; a plain value or list is the only input."""
    if isinstance(values, dict) and not ("b64" in values and len(values) == 1):
        return values
    if len(signature.inputs) != 1:
        raise invalid_argument(
            f"inputs is a plain value/list, but expecting an object with {len(signature.inputs)} names"
        )
    return {next(iter(signature.inputs)): values}


def columns_of(rows: Any, signature: Signature) -> Mapping[str, Any]:
    """{input: nested lists} of "instances": a list of objects, or of plain values for the only input."""
    if not isinstance(rows, list) or not rows:
        raise invalid_argument("Request must have 'instances' as a non-empty list")
    is_object = [isinstance(row, dict) and not ("b64" in row and len(row) == 1) for row in rows]
    if not any(is_object):
        return values_by_name(rows, signature)
    if not all(is_object) or any(set(row) != set(rows[0]) for row in rows):
        raise invalid_argument("Failed to process element of 'instances' list: expected objects with the same names")
    return {name: [row[name] for row in rows] for name in rows[0]}


def flatten(name: str, value: Any, rank: int | None) -> tuple[list, list[int]]:
    """(flat list of values, shape) of lists nested `rank` deep, or as deep as they are if the rank is unknown."""
    level: list = [value]
    shape: list[int] = []
    while len(shape) < rank if rank is not None else level and isinstance(level[0], list):
        sizes = {len(part) if isinstance(part, list) else -1 for part in level}
        if len(sizes) != 1 or -1 in sizes:
            raise invalid_argument(f"Encountered list at unexpected size at level {len(shape)} of input {name}")
        shape.append(sizes.pop())
        level = [item for part in level for item in part]
        if not level:
            break
    return level, shape


def array_of(name: str, values: Sequence[Any], shape: Sequence[int], dtype: Any) -> np.ndarray:
    """The array of flat JSON values, whose types must be the dtype's. Raises: StatusError."""
    kind = np.dtype(dtype).kind
    if kind == "O":
        strings = [decode_string(name, value) for value in values]
        return np.array(strings, object).reshape(shape)
    allowed = {"f": (int, float), "i": (int,), "u": (int,), "b": (bool,)}.get(kind, ())
    for value in values:
        if type(value) not in allowed:
            raise invalid_argument(
                f"JSON Value: {quote(value)} of input {name} is not of expected type: {KIND_NAMES.get(kind, kind)}"
            )
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype).reshape(shape)
    except OverflowError:
        raise invalid_argument(f"input {name} has a value beyond {np.dtype(dtype).name}") from None
    if kind == "f" and (np.isinf(array).ravel() & [math.isfinite(value) for value in values]).any():
        raise invalid_argument(f"Cannot convert JSON value of input {name} to float without loss of precision.")
    return array


def decode_string(name: str, value: Any) -> bytes:
    """The bytes of a JSON string or of {"b64": base64 text}. Raises: StatusError."""
    if isinstance(value, str):
        return encode_string(name, value)
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise invalid_argument(
            f"JSON Value: {quote(value)} of input {name} not formatted correctly for base64 data"
        ) from None


def encode_string(name: str, text: str) -> bytes:
    """The bytes of a JSON string. Raises: StatusError for half of a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise invalid_argument(f"JSON Parse error: a string of input {name} holds half of a surrogate pair") from None


def quote(value: Any) -> str:
    """A value for a message, shortened."""
    return repr(value)[:MAX_VALUE_LENGTH]


def to_json(name: str, array: np.ndarray) -> list:
    """Nested lists of an output; strings are {"b64": ...} if its name ends in _bytes."""
    if array.dtype != object:
        return array.tolist()
    if not name.endswith("_bytes"):
        return np.vectorize(lambda text: text.decode(errors="replace"), otypes=[object])(array).tolist()
    return np.vectorize(lambda b: {"b64": base64.b64encode(b).decode()}, otypes=[object])(array).tolist()


def response_text(request: Mapping[str, Any], outputs: Mapping[str, np.ndarray]) -> str:
    """The JSON response with the outputs {name: array}, by name or by row as in the request."""
    values = {name: to_json(name, array) for name, array in outputs.items()}
    if "inputs" in request:
        return json.dumps({"outputs": values if len(values) > 1 else next(iter(values.values()))})
    if len(values) == 1:
        return json.dumps({"predictions": next(iter(values.values()))})
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return json.dumps({"predictions": rows})
