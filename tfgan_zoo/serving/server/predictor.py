"""How a request is handled, over gRPC as over REST: find the model and the signature, check the inputs, batch, run."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2, model_pb2

from tfgan_zoo.serving.server import example_calls
from tfgan_zoo.serving.server.batching import Batcher
from tfgan_zoo.serving.server.manager import Manager
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.servable import Servable, Signature
from tfgan_zoo.serving.server.status import StatusError, as_status_error, invalid_argument, unavailable


class Predictor:
    """Answers requests with the manager's models and the batcher.

    Attributes:
        stopping: whether new requests are rejected.
    """

    def __init__(self, manager: Manager, batcher: Batcher, metrics: Metrics):
        self.manager, self.batcher, self.metrics, self.stopping = manager, batcher, metrics, False

    async def predict(
        self,
        spec: Any,
        signature_of: Callable[[Servable], Signature],
        read_inputs: Callable[[Signature, int], tuple[dict[str, np.ndarray], int]],
        names: Sequence[str],
        deadline: float | None,
        entrypoint: str,
    ) -> tuple[dict[str, np.ndarray], Servable]:
        """({output: array}, the `Servable`).

        Args:
            spec: ModelSpec.
            signature_of: selects the signature.
            read_inputs: (signature, maximum number of rows) -> ({input: array}, rows).
            names: outputs to return, all if empty.
            deadline: as for `Batcher.run`.
            entrypoint: GRPC or REST, for the metrics.

        Raises:
            StatusError: of any kind.
        """
        start, status = time.perf_counter(), "OK"
        try:
            self.reject_if_stopping()
            with self.manager.find(spec).in_use() as servable:
                signature = signature_of(servable)
                arrays, rows = read_inputs(signature, self.batcher.settings.largest)
                signature.check_values(arrays)
                names = signature.select_outputs(names)
                outputs = await self.batcher.run(signature, arrays, rows, deadline)
            return {name: outputs[name] for name in names}, servable
        except Exception as error:
            status = as_status_error(error).code.name
            raise as_status_error(error) from error
        finally:
            name = self.counted_name(spec)
            self.metrics.requests.add(name, status)
            self.metrics.latency.add((time.perf_counter() - start) * 1e6, name, "Predict", entrypoint)

    def counted_name(self, spec: Any) -> str:
        """The model's name for the metrics, in which each invented name would otherwise stay."""
        return spec.name if spec.name in self.manager.models else ""

    def refuse_examples(self, request: Any, method: str) -> NoReturn:
        """Raises: StatusError for a ClassificationRequest or RegressionRequest, and counts it. method: as in `example_calls`."""
        try:
            self.reject_if_stopping()
            if not request.HasField("model_spec"):
                raise invalid_argument("Missing ModelSpec")
            example_calls.refuse(self.manager.find(request.model_spec), method, request.model_spec.signature_name)
        except StatusError as error:
            self.metrics.requests.add(self.counted_name(request.model_spec), error.code.name)
            raise

    def refuse_tasks(self, request: Any) -> NoReturn:
        """Raises: StatusError for a MultiInferenceRequest, whose first task names the model."""
        self.reject_if_stopping()
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        example_calls.refuse_tasks(self.manager.find(spec), request.tasks)

    def reject_if_stopping(self) -> None:
        """Raises: StatusError, UNAVAILABLE, once the server is stopping."""
        if self.stopping:
            raise unavailable("The server is shutting down")

    def metadata(self, request: Any) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The response to a GetModelMetadataRequest. Raises: StatusError."""
        self.reject_if_stopping()
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid_argument(f"Metadata field {field} is not supported")
        servable = self.manager.find(request.model_spec)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = servable.model
        response.model_spec.version.value = servable.version
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
        response.metadata["signature_def"].Pack(signatures)
        return response

    def status(self, request: Any) -> get_model_status_pb2.GetModelStatusResponse:
        """The response to a GetModelStatusRequest. Raises: StatusError."""
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self.manager.status(request.model_spec):
            entry = response.model_version_status.add(version=version.number, state=version.state)
            entry.status.SetInParent()
            if version.error:
                entry.status.error_code = version.error.code.value[0]
                entry.status.error_message = version.error.message
        return response

    async def reload(self, request: Any) -> model_management_pb2.ReloadConfigResponse:
        """The response to a ReloadConfigRequest. Raises: StatusError."""
        self.reject_if_stopping()
        await asyncio.shield(self.manager.apply(request.config))  # completes even if the client disconnects
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response
