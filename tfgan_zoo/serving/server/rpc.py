"""TF Serving's gRPC services, with the official stubs on grpc.aio, and the health service."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.server.configuration import TlsSettings
from tfgan_zoo.serving.server.example_calls import CLASSIFY, REGRESS
from tfgan_zoo.serving.server.predictor import Predictor
from tfgan_zoo.serving.server.status import as_status_error, invalid_argument
from tfgan_zoo.serving.server.tensor_protos import tensor_proto

# For the health service: TF Serving's own names, which lack the package, and those of gRPC's convention.
NAMES = ("PredictionService", "ModelService")
SERVICES = ("", *NAMES, *(f"tensorflow.serving.{name}" for name in NAMES))


class PredictionServicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """PredictionService: Predict and GetModelMetadata; the calls that take tf.Examples are refused."""

    def __init__(self, predictor: Predictor, tensor_content: bool):
        self.predictor, self.tensor_content = predictor, tensor_content

    async def Predict(self, request: Any, context: Any) -> Any:
        remaining = context.time_remaining()
        deadline = None if remaining is None else asyncio.get_running_loop().time() + remaining
        return await with_status(context, self.predict(request, deadline))

    async def predict(self, request: Any, deadline: float | None) -> Any:
        """The PredictResponse. Raises: StatusError."""
        if not request.HasField("model_spec"):
            raise invalid_argument("Missing ModelSpec")
        name = request.model_spec.signature_name
        outputs, servable = await self.predictor.predict(
            request.model_spec,
            lambda servable: servable.signature(name),
            lambda signature, largest: signature.read(request.inputs, largest),
            list(request.output_filter),
            deadline,
            "GRPC",
        )
        response = predict_pb2.PredictResponse()
        response.model_spec.name = servable.model
        response.model_spec.version.value = servable.version
        response.model_spec.signature_name = name or "serving_default"
        for key, array in outputs.items():
            response.outputs[key].CopyFrom(tensor_proto(array, self.tensor_content))
        return response

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:
        return await with_status(context, call(self.predictor.metadata, request))

    async def Classify(self, request: Any, context: Any) -> None:
        await with_status(context, call(self.predictor.refuse_examples, request, CLASSIFY))

    async def Regress(self, request: Any, context: Any) -> None:
        await with_status(context, call(self.predictor.refuse_examples, request, REGRESS))

    async def MultiInference(self, request: Any, context: Any) -> None:
        await with_status(context, call(self.predictor.refuse_tasks, request))


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """ModelService: GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, predictor: Predictor):
        self.predictor = predictor

    async def GetModelStatus(self, request: Any, context: Any) -> Any:
        return await with_status(context, call(self.predictor.status, request))

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
        return await with_status(context, self.predictor.reload(request))


async def call(function: Callable, *arguments: Any) -> Any:
    """A function as a coroutine."""
    return function(*arguments)


async def with_status(context: Any, response: Awaitable) -> Any:
    """The awaited response; an exception becomes the status of the call."""
    try:
        return await response
    except Exception as error:
        status = as_status_error(error)
        return await context.abort(status.code, status.message)


class Registrar:
    """Stands in for a server where generated code registers a service.

    Bytes that do not parse are answered with INTERNAL, gRPC's own status for them, and no traceback is logged. (An interceptor could do this as
    well, but gRPC would build the handler anew for each call.)
    """

    def __init__(self, server: Any):
        self.server = server

    def add_generic_rpc_handlers(self, services: Iterable[grpc.GenericRpcHandler]) -> None:
        self.server.add_generic_rpc_handlers(tuple(map(Service, services)))

    def add_registered_method_handlers(self, name: str, handlers: Mapping[str, Any]) -> None:
        self.server.add_registered_method_handlers(
            name, {method: answering_parse_errors(handler) for method, handler in handlers.items()}
        )


class Service(grpc.GenericRpcHandler):
    """A service whose handlers answer bytes that do not parse with an error."""

    def __init__(self, service: grpc.GenericRpcHandler):
        self.wrapped = service
        self.handlers: dict[str, Any] = {}  # by the path of a method that exists

    def service(self, details: Any) -> Any:
        """The handler of a call, None if the method is not one of this service."""
        handler = self.handlers.get(details.method)
        if handler is None and (handler := self.wrapped.service(details)) is not None:
            handler = self.handlers[details.method] = answering_parse_errors(handler)
        return handler


def answering_parse_errors(handler: Any) -> Any:
    """A handler that answers with INTERNAL what its own deserializer cannot read; a streaming handler is returned unchanged."""
    if handler.unary_unary is None:
        return handler

    def parse(raw: bytes) -> Any:
        try:
            return handler.request_deserializer(raw)
        except Exception:  # the parser may raise any type on arbitrary bytes
            return None

    async def behaviour(request: Any, context: Any) -> Any:
        if request is None:
            await context.abort(grpc.StatusCode.INTERNAL, "Error parsing request proto")
        return await handler.unary_unary(request, context)

    return grpc.unary_unary_rpc_method_handler(behaviour, parse, handler.response_serializer)


async def start(
    predictor: Predictor,
    host: str,
    port: int,
    max_request_bytes: int,
    tls: TlsSettings | None,
    tensor_content: bool = False,
) -> tuple[Any, int, Any]:
    """(the running server, its port, its health service).

    Args:
        port: 0 for any free one.
        tensor_content: as `Options.tensor_content`.

    Raises:
        ZooError: the port is taken.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", max_request_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # else a second server would silently share the port
        ],
    )
    registrar = Registrar(server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionServicer(predictor, tensor_content), registrar
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(predictor), registrar)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, registrar)
    for name in SERVICES:
        await health_servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_secure_port(address, credentials(tls)) if tls else server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise ZooError(
            f"cannot listen on {address}: the port may be taken, or the address not this machine's; --port=0 chooses a "
            "free port."
        )
    await server.start()
    return server, bound, health_servicer


def credentials(tls: TlsSettings) -> grpc.ServerCredentials:
    """gRPC's server credentials."""
    return grpc.ssl_server_credentials(
        [(tls.key.encode(), tls.certificate.encode())],
        root_certificates=tls.authority.encode() or None,
        require_client_auth=tls.verify_clients,
    )
