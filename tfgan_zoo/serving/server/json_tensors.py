"""TF Serving's JSON: "instances" row by row or "inputs" name by name, and the outputs in the form that the inputs came in."""

import base64
import binascii
import json
import math

import numpy as np

from tfgan_zoo.serving.server.status import invalid

KINDS = {"f": "float", "i": "int", "u": "int", "b": "bool", "O": "string"}
SHOWN = 100  # characters of a value that a message repeats


def parse(body):
    """The JSON object of a request's body. Raises: Refused."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        fault = "nested too deeply" if isinstance(error, RecursionError) else error
        raise invalid(f"JSON Parse error: {fault}") from None
    if not isinstance(told, dict):
        raise invalid("Request body must be a JSON object with instances or inputs")
    if ("instances" in told) == ("inputs" in told):
        raise invalid("Request must have either 'instances' or 'inputs' as a key")
    if not isinstance(told.get("signature_name", ""), str):
        raise invalid("'signature_name' key must be a string value.")
    return told


def read(told, signature, largest):
    """({input: array}, rows) of a parsed request.

    Args:
        told: of `parse`; signature: `Signature`; largest: number of rows that one request may have.

    Raises:
        Refused: INVALID_ARGUMENT, of whatever is not the signature's.
    """
    columns = by_name(told["inputs"], signature) if "inputs" in told else from_rows(told["instances"], signature)
    signature.check_names(columns)
    flat = {name: flattened(name, columns[name], i.spec.shape.rank) for name, i in signature.inputs.items()}
    rows = signature.rows({name: shape for name, (_, shape) in flat.items()}, largest)
    return {n: array_of(n, *flat[n], i.spec.dtype.as_numpy_dtype) for n, i in signature.inputs.items()}, rows


def by_name(values, signature):
    if isinstance(values, dict) and not ("b64" in values and len(values) == 1):
        return values
    if len(signature.inputs) != 1:
        raise invalid(f"inputs is a plain value/list, but expecting an object with {len(signature.inputs)} names")
    return {next(iter(signature.inputs)): values}


def from_rows(rows, signature):
    """{name: [values]} of a list of objects, or of plain values for the one input."""
    if not isinstance(rows, list) or not rows:
        raise invalid("Request must have 'instances' as a non-empty list")
    objects = [isinstance(row, dict) and not ("b64" in row and len(row) == 1) for row in rows]
    if not any(objects):
        return by_name(rows, signature)
    if not all(objects) or any(set(row) != set(rows[0]) for row in rows):
        raise invalid("Failed to process element of 'instances' list: expected objects with the same names")
    return {name: [row[name] for row in rows] for name in rows[0]}


def flattened(name, value, rank):
    """([values], [sizes]) of lists in lists, `rank` deep, or as deep as they go where that is not known."""
    level, shape = [value], []
    while len(shape) < rank if rank is not None else level and isinstance(level[0], list):
        sizes = {len(part) if isinstance(part, list) else -1 for part in level}
        if len(sizes) != 1 or -1 in sizes:
            raise invalid(f"Encountered list at unexpected size at level {len(shape)} of input {name}")
        shape.append(sizes.pop())
        level = [item for part in level for item in part]
        if not level:
            break
    return level, shape


def array_of(name, values, shape, dtype):
    kind = np.dtype(dtype).kind
    if kind == "O":
        converted = [text_of(name, value) for value in values]
        return np.array(converted, object).reshape(shape)
    allowed = {"f": (int, float), "i": (int,), "u": (int,), "b": (bool,)}.get(kind, ())
    for value in values:
        if type(value) not in allowed:
            raise invalid(
                f"JSON Value: {shown(value)} of input {name} is not of expected type: {KINDS.get(kind, kind)}"
            )
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype).reshape(shape)
    except OverflowError:
        raise invalid(f"input {name} has a value beyond {np.dtype(dtype).name}") from None
    if kind == "f" and (np.isinf(array).ravel() & [math.isfinite(value) for value in values]).any():
        raise invalid(f"Cannot convert JSON value of input {name} to float without loss of precision.")
    return array


def text_of(name, value):
    if isinstance(value, str):
        return value.encode()
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise invalid(f"JSON Value: {shown(value)} of input {name} not formatted correctly for base64 data") from None


def shown(value):
    return repr(value)[:SHOWN]


def plain(name, array):
    """Lists of plain values; bytes as {"b64": ...} where the output's name ends in _bytes."""
    if array.dtype != object:
        return array.tolist()
    if not name.endswith("_bytes"):
        return np.vectorize(lambda text: text.decode(errors="replace"), otypes=[object])(array).tolist()
    return np.vectorize(lambda b: {"b64": base64.b64encode(b).decode()}, otypes=[object])(array).tolist()


def written(told, outputs):
    """The JSON text of the outputs {name: array} for a request that came as `told`."""
    values = {name: plain(name, array) for name, array in outputs.items()}
    if "inputs" in told:
        return json.dumps({"outputs": values if len(values) > 1 else next(iter(values.values()))})
    if len(values) == 1:
        return json.dumps({"predictions": next(iter(values.values()))})
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return json.dumps({"predictions": rows})
