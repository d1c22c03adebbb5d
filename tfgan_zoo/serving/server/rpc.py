"""TF Serving's gRPC services, by the official stubs on grpc.aio, and the health service."""

import asyncio

import grpc
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.server.status import invalid, of_error

SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")


class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    """PredictionService: predict and metadata; generators have no other method."""

    def __init__(self, predictor):
        self.predictor = predictor

    async def Predict(self, request, context):
        left = context.time_remaining()
        deadline = None if left is None else asyncio.get_running_loop().time() + left
        return await answered(context, self.predict(request, deadline))

    async def predict(self, request, deadline):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
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
            response.outputs[key].CopyFrom(tensor_of(array))
        return response

    async def GetModelMetadata(self, request, context):
        return await answered(context, call(self.predictor.metadata, request))

    async def Classify(self, request, context):
        await answered(context, call(no_method, "classification", "classify"))

    async def Regress(self, request, context):
        await answered(context, call(no_method, "regression", "regress"))


class Models(model_service_pb2_grpc.ModelServiceServicer):
    """ModelService: status and reload."""

    def __init__(self, predictor):
        self.predictor = predictor

    async def GetModelStatus(self, request, context):
        return await answered(context, call(self.predictor.status, request))

    async def HandleReloadConfigRequest(self, request, context):
        return await answered(context, self.predictor.reload(request))


def tensor_of(array):
    """A TensorProto that holds numbers as `tensor_content`, and texts one by one."""
    if array.dtype == object:
        return tf.make_tensor_proto(array)
    made = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum, tensor_content=array.tobytes())
    for size in array.shape:
        made.tensor_shape.dim.add(size=size)
    return made


def no_method(kind, name):
    expected = f"Expected {kind} signature method_name to be tensorflow/serving/{name}"
    raise invalid(f"{expected}. Was: tensorflow/serving/predict")


async def call(function, *arguments):
    return function(*arguments)


async def answered(context, answer):
    """The awaited answer; whatever it fails with becomes the call's status."""
    try:
        return await answer
    except Exception as error:
        refused = of_error(error)
        return await context.abort(refused.code, refused.message)


class Parsing(grpc.aio.ServerInterceptor):
    """Bytes that are no message get INTERNAL, which is gRPC's status for them, and leave no traceback."""

    async def intercept_service(self, continuation, details):
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        def parsed(raw):
            try:
                return handler.request_deserializer(raw)
            except Exception:  # whatever the parser makes of a stranger's bytes
                return None

        async def behaviour(request, context):
            if request is None:
                await context.abort(grpc.StatusCode.INTERNAL, "Error parsing request proto")
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(behaviour, parsed, handler.response_serializer)


async def start(predictor, host, port, most_bytes, tls):
    """(the running server, its port, its health service).

    Args:
        port: 0 for any that is free; most_bytes: of a request; tls: `TlsSettings` or None.

    Raises:
        ZooError: the port is taken.
    """
    server = grpc.aio.server(
        interceptors=[Parsing()],
        options=[
            ("grpc.max_receive_message_length", most_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # else a second server would share the port in silence
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(predictor), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(predictor), server)
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    for name in SERVICES:
        await states.set(name, health_pb2.HealthCheckResponse.SERVING)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_secure_port(address, credentials(tls)) if tls else server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise ZooError(
            f"cannot listen on {address}: is the port taken, or the address not this machine's? --port=0 takes any that is free."
        )
    await server.start()
    return server, bound, states


def credentials(tls):
    return grpc.ssl_server_credentials(
        [(tls.key.encode(), tls.certificate.encode())],
        root_certificates=tls.authority.encode() or None,
        require_client_auth=tls.verify,
    )
