"""TF Serving's REST on aiohttp: predict, status, metadata and metrics."""

import asyncio
import json
import logging
import re
import ssl
import tempfile

from aiohttp import http_exceptions, web
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.server import json_tensors
from tfgan_zoo.serving.server.status import invalid, of_error

PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>:predict|:classify|:regress|/metadata)?",
    re.IGNORECASE,
)
LARGEST_INTEGER = 2**63 - 1


class Rest:
    """The web application.

    Args:
        predictor: `Predictor`; metrics: `Metrics`; metrics_path: where they are read, None for nowhere.
        seconds: that a request may take; most_bytes: of a request's body.
    """

    def __init__(self, predictor, metrics, metrics_path, seconds, most_bytes):
        self.predictor, self.metrics, self.seconds = predictor, metrics, seconds
        self.application = web.Application(client_max_size=most_bytes)
        if metrics_path:
            self.application.router.add_get(metrics_path, self.show_metrics)
        self.application.router.add_route("*", "/{path:.*}", self.answer)

    async def show_metrics(self, request):
        return web.Response(text=self.metrics.text(), content_type="text/plain")

    async def answer(self, request):
        """Any request; whatever fails is a JSON object {"error": message} with TF Serving's status."""
        try:
            async with asyncio.timeout(self.seconds + 1):  # a body that trickles in is cut off
                return web.Response(text=await self.routed(request), content_type="application/json")
        except TimeoutError:
            return failure(408, f"The request did not arrive within {self.seconds:g} seconds")
        except web.RequestPayloadError:
            return failure(400, "The body is not what its Content-Encoding or Transfer-Encoding says")
        except web.HTTPException as error:  # aiohttp's own, such as of a body that is too large
            return failure(error.status, error.reason)
        except Exception as error:
            refused = of_error(error)
            return failure(refused.http, refused.message)

    async def routed(self, request):
        if not request.path.lower().startswith("/v1/"):
            raise web.HTTPNotFound
        match = PATH.fullmatch(request.path)
        what = (match["what"] or "").lower() if match else None
        if request.method == "POST" and what == ":predict":
            return await self.predict(model_spec(match), request)
        if request.method == "POST" and what in (":classify", ":regress"):
            raise invalid(f"Expected signature method_name to be tensorflow/serving/{what[1:]}: this server predicts")
        if request.method == "GET" and what == "":
            return self.status(model_spec(match))
        if request.method == "GET" and what == "/metadata":
            return self.metadata(model_spec(match))
        raise invalid(f"Malformed request: {request.method} {request.path}")

    async def predict(self, spec, request):
        deadline = asyncio.get_running_loop().time() + self.seconds
        body = await request.read()
        self.predictor.manager.find(spec)
        told = json_tensors.parse(body)

        def signature_of(servable):
            name = told.get("signature_name") or "serving_default"
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            return servable.signatures[name]

        outputs, _ = await self.predictor.predict(
            spec,
            signature_of,
            lambda signature, largest: json_tensors.read(told, signature, largest),
            [],
            deadline,
            "REST",
        )
        return await asyncio.to_thread(json_tensors.written, told, outputs)

    def status(self, spec):
        response = self.predictor.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec))
        told = json_format.MessageToDict(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for version in told["model_version_status"]:
            code = version["status"]["error_code"]
            version["status"]["error_code"] = code if isinstance(code, str) else str(code)
        return json.dumps(told, indent=1)

    def metadata(self, spec):
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        response = self.predictor.metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        words = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
        told = {"signature_def": json_format.MessageToDict(signatures, **words)}
        return json.dumps(
            {"model_spec": json_format.MessageToDict(response.model_spec, **words), "metadata": told}, indent=1
        )


def model_spec(match):
    """The ModelSpec that a path names."""
    spec = model_pb2.ModelSpec(name=match["name"])
    if match["version"]:
        if len(match["version"]) > 19 or int(match["version"]) > LARGEST_INTEGER:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    if match["label"]:
        spec.version_label = match["label"]
    return spec


def failure(code, message):
    return web.Response(status=code, text=json.dumps({"error": message}), content_type="application/json")


def of_ours(record):
    """Whether a line of aiohttp's log is of more than a stranger's bytes, which got their 400."""
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, (http_exceptions.HttpProcessingError, web.RequestPayloadError))


def cannot_listen(host, port, flag, error):
    """The ZooError of an OSError; flag: of the command, which sets the port."""
    return ZooError(f"cannot listen on {host}:{port}: {error.strerror}; --{flag}=0 takes any that is free.")


async def start(rest, host, port, tls):
    """(the running server, its port); tls: an `ssl.SSLContext` or None. Raises: ZooError, the port is taken."""
    logging.getLogger("aiohttp.server").addFilter(of_ours)
    runner = web.AppRunner(rest.application, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise cannot_listen(host, port, "rest_api_port", error) from None
    return runner, runner.addresses[0][1]


def context_of(tls):
    """The TLS of gRPC for REST too; Python reads certificates from files alone, so one is there for a moment.

    Raises:
        ZooError: `TlsSettings` that are no PEM texts, or whose key is another certificate's.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        with tempfile.NamedTemporaryFile("w") as file:  # readable by its owner alone
            file.write(f"{tls.key}\n{tls.certificate}\n")
            file.flush()
            context.load_cert_chain(file.name)
        if tls.authority:
            context.load_verify_locations(cadata=tls.authority)
    except ssl.SSLError as error:
        raise ZooError(
            f"the TLS settings cannot be used: {error.reason or error}; expected a key, its certificate and, for clients, "
            f"their authority, as PEM texts."
        ) from None
    if tls.verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
