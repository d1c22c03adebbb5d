"""Requests to TF Serving: which model, what its signatures take and give, and large work in pieces that it takes."""

import dataclasses
import math

import numpy as np

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.serving import wire

STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
TEXT_BYTES = 16384  # of a text in a reply, such as a PNG, which metadata give no size of


@dataclasses.dataclass(frozen=True)
class Model:
    """name: a model's; version: a number, or label: a version's label; the newest version with neither."""

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self):
        if self.version is not None and self.label is not None:
            raise ZooError(f"version {self.version} and label {self.label!r} of {self.name}: give one of the two.")

    def __str__(self):
        chosen = f" version {self.version}" if self.version is not None else f" {self.label!r}" if self.label else ""
        return f"model {self.name}{chosen}"

    def spec(self, signature=""):
        spec = wire.message("ModelSpec")(name=self.name, signature_name=signature, version_label=self.label or "")
        if self.version is not None:
            spec.version.value = self.version
        return spec

    def metadata_request(self):
        return wire.message("MetadataRequest")(model_spec=self.spec(), metadata_field=["signature_def"])

    def status_request(self):
        return wire.message("StatusRequest")(model_spec=self.spec())


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a signature takes and gives: {name: (NumPy type, shape)}; None in a shape for any size."""

    inputs: dict
    outputs: dict

    def row_bytes(self):
        """Of a reply, a row: uint8 counts twice, for in typed fields its larger half takes two bytes."""
        sizes = {np.dtype(object): TEXT_BYTES, np.dtype(np.uint8): 2}
        return sum(
            sizes.get(dtype, dtype.itemsize) * math.prod(s or 1 for s in shape[1:])
            for dtype, shape in self.outputs.values()
        )


def signatures_of(response):
    """{name: `Signature`} of a `MetadataResponse`, without those that only initialise."""
    found = wire.message("Signatures").FromString(response.metadata["signature_def"].value).signature_def
    return {
        name: Signature(*({k: (wire.dtype_of(i.dtype), wire.shape_of(i.tensor_shape)) for k, i in side.items()}
                          for side in (found[name].inputs, found[name].outputs)))
        for name in sorted(found)
        if not name.startswith("__")
    }  # fmt: skip


def states_of(response):
    """{version: (state, error message)} of a `StatusResponse`."""
    return {
        s.version: (STATES.get(s.state, str(s.state)), s.status.error_message) for s in response.model_version_status
    }


class Work:
    """One signature to compute for many rows, in requests that the server takes.

    Attributes:
        rows: how many; size: how many a request, to be lowered by `lower`.

    Args:
        model: a `Model`.
        signatures: its `signatures_of`.
        name: the signature's.
        inputs: {name: array [rows, ...]}.

    Raises:
        ZooError: no such signature, or it takes other inputs; says which.
    """

    def __init__(self, model, signatures, name, inputs, settings):
        if name not in signatures:
            raise no_such(f"signature of {model}", name, signatures)
        self.model, self.name, self.signature = model, name, signatures[name]
        takes = self.signature.inputs
        if set(inputs) != set(takes):
            raise ZooError(
                f"{model}, {name}: inputs {', '.join(sorted(inputs)) or 'none'} were given, and it takes "
                f"{', '.join(sorted(takes))}."
            )
        try:
            self.inputs = {key: np.asarray(value, takes[key][0]) for key, value in inputs.items()}
        except (ValueError, TypeError, OverflowError) as error:
            told = ", ".join(f"{key} {dtype}" for key, (dtype, _) in sorted(takes.items()))
            raise ZooError(f"{model}, {name} takes arrays of {told}, and the inputs are none: {error}.") from None
        lengths = {key: len(value) if value.ndim else None for key, value in self.inputs.items()}
        self.rows = next(iter(lengths.values()))
        if not self.rows or len(set(lengths.values())) > 1:
            raise ZooError(f"{model}, {name}: rows were {lengths}; expected as many of each input, and one at least.")
        for key, value in self.inputs.items():
            shape = takes[key][1]
            if len(shape) != value.ndim or any(s not in (None, v) for s, v in zip(shape, value.shape, strict=True)):
                raise ZooError(f"{model}, {name}: {key} has shape {list(value.shape)}; expected {list(shape)}.")
        self.size = max(1, min(settings.max_batch, settings.max_bytes // max(1, self.signature.row_bytes())))

    def lower(self, limit):
        """Goes on with `limit` rows a request."""
        if not 0 < limit < self.size:
            raise ZooError(f"{self.model}, {self.name}: {self.size} rows were refused, though {limit} are allowed.")
        self.size = limit

    def request(self, start):
        """The `PredictRequest` of the rows from `start`."""
        request = wire.message("PredictRequest")(model_spec=self.model.spec(self.name))
        for key, value in self.inputs.items():
            request.inputs[key].CopyFrom(wire.encode(value[start : start + self.size]))
        return request

    def outputs(self, response, start):
        """{name: array} of the `PredictResponse` to `request(start)`.

        Raises:
            ZooError: the reply is not what the metadata promised.
        """
        rows = min(self.size, self.rows - start)
        if set(response.outputs) != set(self.signature.outputs):
            raise ZooError(
                f"{self.model}, {self.name}: the reply holds {', '.join(sorted(response.outputs)) or 'nothing'}; "
                f"expected {', '.join(sorted(self.signature.outputs))}."
            )
        return {k: wire.decode(response.outputs[k], (rows, *s[1:])) for k, (_, s) in self.signature.outputs.items()}


def joined(parts):
    """{name: array} of several pieces' outputs."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def shapes(signatures):
    """({signature: {input: shape}}, {signature: {output: shape}}), as `Asked` takes them."""
    sides = [{n: getattr(s, side) for n, s in signatures.items()} for side in ("inputs", "outputs")]
    return tuple({n: {k: shape for k, (_, shape) in tensors.items()} for n, tensors in side.items()} for side in sides)
