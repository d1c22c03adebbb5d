"""Requests to TF Serving: which model, what its signatures take and return, and large inputs split into small requests."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.core.errors import ZooError, no_such
from tfgan_zoo.serving import wire
from tfgan_zoo.serving.connection import ClientSettings

STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
STRING_BYTES = 16384  # assumed for a string in a reply, such as a PNG, whose size metadata do not state


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A model on a server, at a version number or a version label; at the newest version with neither."""

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise ZooError(
                f"{self.name}: got version={self.version} and label={self.label!r}; expected one of the two."
            )

    def __str__(self) -> str:
        suffix = f" version {self.version}" if self.version is not None else f" {self.label!r}" if self.label else ""
        return f"model {self.name}{suffix}"

    def spec(self, signature: str = "") -> Any:
        """The `ModelSpec` message."""
        spec = wire.message("ModelSpec")(name=self.name, signature_name=signature, version_label=self.label or "")
        if self.version is not None:
            spec.version.value = self.version
        return spec

    def metadata_request(self) -> Any:
        """The `MetadataRequest` for the model's signatures."""
        return wire.message("MetadataRequest")(model_spec=self.spec(), metadata_field=["signature_def"])

    def status_request(self) -> Any:
        """The `StatusRequest` for the states of the model's versions."""
        return wire.message("StatusRequest")(model_spec=self.spec())


@dataclasses.dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a signature: {name: (NumPy dtype, shape)}, with None in a shape for any size."""

    inputs: dict[str, tuple[np.dtype, tuple[int | None, ...]]]
    outputs: dict[str, tuple[np.dtype, tuple[int | None, ...]]]

    def row_bytes(self) -> int:
        """Estimated bytes of one row of a reply. A uint8 counts twice: as a varint, values from 128 take two bytes."""
        sizes = {np.dtype(object): STRING_BYTES, np.dtype(np.uint8): 2}
        return sum(
            sizes.get(dtype, dtype.itemsize) * math.prod(s or 1 for s in shape[1:])
            for dtype, shape in self.outputs.values()
        )


def signatures_of(response: Any) -> dict[str, Signature]:
    """{name: `Signature`} of a `MetadataResponse`, without those that only initialise the model."""
    definitions = wire.message("Signatures").FromString(response.metadata["signature_def"].value).signature_def
    return {
        name: Signature(*({k: (wire.dtype_of(i.dtype), wire.shape_of(i.tensor_shape)) for k, i in side.items()}
                          for side in (definitions[name].inputs, definitions[name].outputs)))
        for name in sorted(definitions)
        if not name.startswith("__")
    }  # fmt: skip


def version_states(response: Any) -> dict[int, tuple[str, str]]:
    """{version: (state, error message)} of a `StatusResponse`."""
    return {
        s.version: (STATES.get(s.state, str(s.state)), s.status.error_message) for s in response.model_version_status
    }


class PredictCall:
    """One signature computed for any number of rows, in requests of a size that the server accepts.

    Attributes:
        rows: how many there are.
        batch_size: rows per request, which `limit_batch` lowers.

    Args:
        model: the `ServedModel`.
        signatures: its {name: `Signature`}.
        name: the signature to compute.
        inputs: {name: array [rows, ...]}.

    Raises:
        ZooError: the model has no such signature, or the inputs do not fit it.
    """

    def __init__(
        self,
        model: ServedModel,
        signatures: Mapping[str, Signature],
        name: str,
        inputs: Mapping[str, ArrayLike],
        settings: ClientSettings,
    ):
        if name not in signatures:
            raise no_such(f"signature of {model}", name, signatures)
        self.model, self.name, self.signature = model, name, signatures[name]
        specs = self.signature.inputs
        if set(inputs) != set(specs):
            raise ZooError(
                f"{model}, {name}: got inputs {', '.join(sorted(inputs)) or 'none'}; expected "
                f"{', '.join(sorted(specs))}."
            )
        try:
            self.inputs = {key: np.asarray(value, specs[key][0]) for key, value in inputs.items()}
        except (ValueError, TypeError, OverflowError) as error:
            dtypes = ", ".join(f"{key} {dtype}" for key, (dtype, _) in sorted(specs.items()))
            raise ZooError(
                f"{model}, {name}: expected arrays {dtypes}; converting the inputs failed: {error}."
            ) from None
        lengths = {key: len(value) if value.ndim else None for key, value in self.inputs.items()}
        rows = next(iter(lengths.values()))
        if not rows or len(set(lengths.values())) > 1:
            raise ZooError(
                f"{model}, {name}: got rows {lengths}; expected the same number for every input, at least one."
            )
        for key, value in self.inputs.items():
            shape = specs[key][1]
            if len(shape) != value.ndim or any(s not in (None, v) for s, v in zip(shape, value.shape, strict=True)):
                raise ZooError(f"{model}, {name}: {key} has shape {list(value.shape)}; expected {list(shape)}.")
        self.rows = rows
        self.batch_size = max(1, min(settings.max_batch, settings.max_bytes // max(1, self.signature.row_bytes())))

    def limit_batch(self, limit: int) -> None:
        """Continues with `limit` rows per request."""
        if not 0 < limit < self.batch_size:
            raise ZooError(
                f"{self.model}, {self.name}: the server rejected {self.batch_size} rows, though it states a limit of {limit}."
            )
        self.batch_size = limit

    def request(self, start: int) -> Any:
        """The `PredictRequest` for `batch_size` rows from `start`."""
        request = wire.message("PredictRequest")(model_spec=self.model.spec(self.name))
        for key, value in self.inputs.items():
            request.inputs[key].CopyFrom(wire.encode(value[start : start + self.batch_size]))
        return request

    def outputs(self, response: Any, start: int) -> dict[str, np.ndarray]:
        """{name: array} of the `PredictResponse` to `request(start)`.

        Raises:
            ZooError: the reply does not match the metadata.
        """
        rows = min(self.batch_size, self.rows - start)
        if set(response.outputs) != set(self.signature.outputs):
            raise ZooError(
                f"{self.model}, {self.name}: the reply holds {', '.join(sorted(response.outputs)) or 'nothing'}; "
                f"expected {', '.join(sorted(self.signature.outputs))}."
            )
        return {k: wire.decode(response.outputs[k], (rows, *s[1:])) for k, (_, s) in self.signature.outputs.items()}


def concatenate(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """{name: array} of the outputs of several requests."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def signature_specs(signatures: Mapping[str, Signature]) -> tuple[dict, dict]:
    """({signature: {input: (NumPy type, shape)}}, the same for outputs), as `SignatureInputs` takes them."""
    return {name: s.inputs for name, s in signatures.items()}, {name: s.outputs for name, s in signatures.items()}
