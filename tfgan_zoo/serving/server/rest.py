"""TF Serving's REST API on aiohttp: predict, status, metadata and metrics."""

import asyncio
import json
import logging
import re
import ssl
import tempfile
from typing import Any, NoReturn

from aiohttp import http_exceptions, web
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    regression_pb2,
)

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.server import json_tensors
from tfgan_zoo.serving.server.configuration import TlsSettings
from tfgan_zoo.serving.server.example_calls import CLASSIFY, REGRESS
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.predictor import Predictor
from tfgan_zoo.serving.server.rest_limits import Runner, note_headers
from tfgan_zoo.serving.server.servable import Servable, Signature
from tfgan_zoo.serving.server.status import as_status_error, failed_precondition, invalid_argument

PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<method>:predict|:classify|:regress|/metadata)?",
    re.IGNORECASE,
)
MAX_INT64 = 2**63 - 1
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
ALL_FIELDS = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}


class Rest:
    """The web application.

    Args:
        predictor: answers the requests.
        metrics: what `metrics_path` shows.
        metrics_path: URL path of the metrics, or None for no metrics.
        timeout: seconds for one request.
        max_request_bytes: of a request's body.
        cors: whether pages of other origins may read the replies.
    """

    def __init__(
        self,
        predictor: Predictor,
        metrics: Metrics,
        metrics_path: str | None,
        timeout: float,
        max_request_bytes: int,
        cors: bool = False,
    ):
        self.predictor, self.metrics, self.timeout = predictor, metrics, timeout
        self.cors_headers = CORS_HEADERS if cors else {}
        self.application = web.Application(client_max_size=max_request_bytes, middlewares=[note_headers])
        if metrics_path:
            self.application.router.add_get(metrics_path, self.show_metrics)
        self.application.router.add_route("*", "/{path:.*}", self.answer)

    async def show_metrics(self, request: web.Request) -> web.Response:
        """The metrics in Prometheus' text format."""
        return web.Response(text=self.metrics.text(), content_type="text/plain")

    async def answer(self, request: web.Request) -> web.Response:
        """The response to any request, with CORS headers if they are on."""
        response = await self.respond(request)
        response.headers.update(self.cors_headers)
        return response

    async def respond(self, request: web.Request) -> web.Response:
        """The response to any request; an error is the JSON object {"error": message} with TF Serving's HTTP status."""
        try:
            async with asyncio.timeout(self.timeout + 1):  # cuts off a body that trickles in
                return web.Response(text=await self.route(request), content_type="application/json")
        except TimeoutError:
            return error_response(408, f"The request did not arrive within {self.timeout:g} seconds")
        except web.RequestPayloadError:
            return error_response(400, "The body does not match its Content-Encoding or Transfer-Encoding")
        except web.HTTPException as error:  # aiohttp's own, such as for a body that is too large
            return error_response(error.status, error.reason)
        except Exception as error:
            status = as_status_error(error)
            return error_response(status.http_status, status.message)

    async def route(self, request: web.Request) -> str:
        """The JSON text that answers a request."""
        if not request.path.lower().startswith("/v1/"):
            raise web.HTTPNotFound
        if request.method == "OPTIONS":
            return preflight(request)
        match = PATH.fullmatch(request.path)
        if match:
            method = (match["method"] or "").lower()
            if request.method == "POST" and method == ":predict":
                return await self.predict(model_spec(match), request)
            if request.method == "POST" and method in (":classify", ":regress"):
                return await self.refuse_examples(model_spec(match), method[1:], request)
            if request.method == "GET" and method == "":
                return self.status(model_spec(match))
            if request.method == "GET" and method == "/metadata":
                return self.metadata(model_spec(match))
        raise invalid_argument(f"Malformed request: {request.method} {request.path}")

    async def predict(self, spec: model_pb2.ModelSpec, request: web.Request) -> str:
        """The JSON text with a signature's outputs."""
        deadline = asyncio.get_running_loop().time() + self.timeout
        body = await request.read()
        parsed: dict[str, Any] = {}

        def signature_of(servable: Servable) -> Signature:
            # Read here, so that an unknown model is reported first, and both are counted.
            parsed.update(json_tensors.parse(body))
            name = parsed.get("signature_name") or "serving_default"
            if name not in servable.signatures:
                raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
            return servable.signatures[name]

        outputs, _ = await self.predictor.predict(
            spec,
            signature_of,
            lambda signature, largest: json_tensors.read_inputs(parsed, signature, largest),
            [],
            deadline,
            "REST",
        )
        return await asyncio.to_thread(json_tensors.response_text, parsed, outputs)

    async def refuse_examples(self, spec: model_pb2.ModelSpec, method: str, request: web.Request) -> NoReturn:
        """Raises: StatusError for a request to classify or regress."""
        parsed = json_tensors.parse_examples(await request.read())
        spec.signature_name = parsed.get("signature_name", "")
        if method == "classify":
            self.predictor.refuse_examples(classification_pb2.ClassificationRequest(model_spec=spec), CLASSIFY)
        self.predictor.refuse_examples(regression_pb2.RegressionRequest(model_spec=spec), REGRESS)

    def status(self, spec: model_pb2.ModelSpec) -> str:
        """The JSON text with the states of a model's versions."""
        response = self.predictor.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec))
        reply = json_format.MessageToDict(response, **ALL_FIELDS)
        for version in reply["model_version_status"]:
            code = version["status"]["error_code"]
            version["status"]["error_code"] = code if isinstance(code, str) else str(code)
        return json.dumps(reply, indent=1)

    def metadata(self, spec: model_pb2.ModelSpec) -> str:
        """The JSON text with a model's signatures."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        response = self.predictor.metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        metadata = {"signature_def": json_format.MessageToDict(signatures, **ALL_FIELDS)}
        model = json_format.MessageToDict(response.model_spec, **ALL_FIELDS)
        return json.dumps({"model_spec": model, "metadata": metadata}, indent=1)


def preflight(request: web.Request) -> str:
    """The empty reply to OPTIONS, which browsers send first. Raises: StatusError if no page's origin is stated."""
    if not re.search("https?://", request.headers.get("Origin", "")):
        raise failed_precondition("Origin header is missing in CORS preflight")
    return ""


def model_spec(match: re.Match) -> model_pb2.ModelSpec:
    """The ModelSpec of a path that matches `PATH`."""
    spec = model_pb2.ModelSpec(name=match["name"])
    if match["version"]:
        if len(match["version"]) > 19 or int(match["version"]) > MAX_INT64:
            raise invalid_argument(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    if match["label"]:
        spec.version_label = match["label"]
    return spec


def error_response(status: int, message: str) -> web.Response:
    """TF Serving's JSON error."""
    return web.Response(status=status, text=json.dumps({"error": message}), content_type="application/json")


def not_a_client_error(record: logging.LogRecord) -> bool:
    """Log filter: False for requests that are not valid HTTP, which have been answered with 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (http_exceptions.HttpProcessingError, web.RequestPayloadError))


def listen_error(host: str, port: int, flag: str, error: OSError) -> ZooError:
    """The ZooError for an OSError. flag: the command's flag that sets the port."""
    return ZooError(f"cannot listen on {host}:{port}: {error.strerror}; --{flag}=0 chooses a free port.")


async def start(
    rest: Rest,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    header_seconds: float = 10.0,
    connections: int = 512,
) -> tuple[Runner, int]:
    """(the running server, its port). header_seconds, connections: as `Options.rest_header_seconds` and `.rest_connections`.

    Raises:
        ZooError: the port is taken.
    """
    logging.getLogger("aiohttp.server").addFilter(not_a_client_error)
    runner = Runner(rest.application, header_seconds, connections, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise listen_error(host, port, "rest_api_port", error) from None
    return runner, runner.addresses[0][1]


def ssl_context(tls: TlsSettings) -> ssl.SSLContext:
    """gRPC's TLS settings for REST. Python reads certificates only from files, so a temporary one is written.

    Raises:
        ZooError: the settings are not PEM text, or the key does not belong to the certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        with tempfile.NamedTemporaryFile("w") as file:  # readable only by its owner
            file.write(f"{tls.key}\n{tls.certificate}\n")
            file.flush()
            context.load_cert_chain(file.name)
        if tls.authority:
            context.load_verify_locations(cadata=tls.authority)
    except ssl.SSLError as error:
        raise ZooError(
            f"the TLS settings cannot be used: {error.reason or error}; expected a key, its certificate and, to verify "
            f"clients, their authority, as PEM text."
        ) from None
    if tls.verify_clients:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
