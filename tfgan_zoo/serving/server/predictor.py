"""The road of a request, whichever way it came: model, signature, checks, batch, outputs."""

import asyncio
import time

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2

from tfgan_zoo.serving.server.status import invalid, of_error, unavailable


class Predictor:
    """Answers requests with the manager's models and the batcher.

    Attributes:
        stopping: whether new requests are refused.
    """

    def __init__(self, manager, batcher, metrics):
        self.manager, self.batcher, self.metrics, self.stopping = manager, batcher, metrics, False

    async def predict(self, spec, signature_of, read, names, deadline, entrypoint):
        """({output: array}, the `Servable`).

        Args:
            spec: ModelSpec; names: outputs to answer with, all where empty; deadline: as in `Batcher.run`.
            signature_of: function of a `Servable` that gives its `Signature`.
            read: function of the `Signature` and the largest number of rows that gives ({input: array}, rows).
            entrypoint: GRPC or REST, for the metrics.

        Raises:
            Refused: of any kind.
        """
        start, status = time.perf_counter(), "OK"
        try:
            self.refuse_if_stopping()
            with self.manager.find(spec).held() as servable:
                signature = signature_of(servable)
                arrays, rows = read(signature, self.batcher.settings.largest)
                signature.check_labels(arrays)
                names = signature.check_filter(names)
                outputs = await self.batcher.run(signature, arrays, rows, deadline)
            return {name: outputs[name] for name in names}, servable
        except Exception as error:
            status = of_error(error).code.name
            raise of_error(error) from error
        finally:
            # Names that were made up would each stay in the metrics.
            name = spec.name if spec.name in self.manager.models else ""
            self.metrics.requests.add(name, status)
            self.metrics.latency.add((time.perf_counter() - start) * 1e6, name, "Predict", entrypoint)

    def refuse_if_stopping(self):
        if self.stopping:
            raise unavailable("The server is shutting down")

    def metadata(self, request):
        """The GetModelMetadataResponse of a request. Raises: Refused."""
        self.refuse_if_stopping()
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        servable = self.manager.find(request.model_spec)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = servable.model
        response.model_spec.version.value = servable.version
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.definitions)
        response.metadata["signature_def"].Pack(signatures)
        return response

    def status(self, request):
        """The GetModelStatusResponse of a request. Raises: Refused."""
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self.manager.status(request.model_spec):
            told = response.model_version_status.add(version=version.number, state=version.state)
            told.status.SetInParent()
            if version.error:
                told.status.error_code = version.error.code.value[0]
                told.status.error_message = version.error.message
        return response

    async def reload(self, request):
        """The ReloadConfigResponse of a request. Raises: Refused."""
        self.refuse_if_stopping()
        await asyncio.shield(self.manager.apply(request.config))  # a client that leaves would leave it half done
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response
