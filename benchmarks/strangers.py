"""What no server wants, and the statuses that it should get: the hostile half of `benchmarks.soak`."""

import asyncio
import contextlib
import random
import time

import numpy as np

from benchmarks.serving import predict_request

ORIGIN = "https://example.org"  # of a page that asks another server than its own
PARSED = {"INTERNAL", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}  # what bytes at random may get


def hostile_requests(chance):
    """{kind: (method, bytes, timeout, statuses that it may get)} of one round."""
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2
    from tensorflow_serving.apis import model_management_pb2, predict_pb2

    def changed(change):
        request = predict_request("swapped", np.arange(4))
        change(request)
        return request.SerializeToString()

    def claims(request):
        del request.inputs["seed"].tensor_shape.dim[:]
        for _ in range(2):
            request.inputs["seed"].tensor_shape.dim.add(size=2**40)

    def mutated():
        data = bytearray(predict_request("swapped", np.arange(4)).SerializeToString())
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)

    def other_type(request):
        request.inputs["seed"].dtype = chance.choice(sorted(types_pb2.DataType.values()))
        if request.inputs["seed"].dtype == types_pb2.DT_INT64:
            request.inputs["seed"].dtype = types_pb2.DT_FLOAT

    def no_bound(request):
        request.inputs["truncation"].CopyFrom(
            tf.make_tensor_proto([chance.choice([float("nan"), -1.0, float("-inf")])] * 4)
        )

    outside = model_management_pb2.ReloadConfigRequest()
    outside.config.model_config_list.config.add(name="swapped", base_path="/etc", model_platform="tensorflow")
    predict, reload, invalid = (
        "PredictionService/Predict",
        "ModelService/HandleReloadConfigRequest",
        {"INVALID_ARGUMENT"},
    )
    many = predict_request("steady", np.zeros(100_000, np.int64)).SerializeToString()
    return {
        "bytes at random": (predict, chance.randbytes(chance.randint(0, 400)), 60, PARSED),
        "a good request with bytes changed": (predict, mutated(), 60, PARSED | {"OK"}),
        "a shape of 2^80": (predict, changed(claims), 60, invalid),
        "100,000 rows": (predict, many, 60, invalid),
        "another type": (predict, changed(other_type), 60, invalid),
        "a truncation that is NaN or negative": (predict, changed(no_bound), 60, invalid),
        "no model": (predict, predict_pb2.PredictRequest().SerializeToString(), 60, invalid),
        "an unknown model": (predict, predict_request("no", np.arange(1)).SerializeToString(), 60, {"NOT_FOUND"}),
        "an unknown signature": (
            predict,
            changed(lambda r: setattr(r.model_spec, "signature_name", "no")),
            60,
            {"FAILED_PRECONDITION"},
        ),
        "5 MiB": (predict, bytes(5 * 2**20), 60, {"RESOURCE_EXHAUSTED"}),
        "a millisecond to answer in": (predict, changed(lambda r: None), 0.001, {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "OK"}),
        "a reload from outside of the zoo": (reload, outside.SerializeToString(), 60, invalid),
        "an unknown method": ("PredictionService/No", b"", 60, {"UNIMPLEMENTED"}),
    }  # fmt: skip


HOSTILE_REST = {  # kind: (path, body, status)
    "REST, no JSON": ("steady:predict", b"{", 400),
    "REST, nested 100,000 deep": ("steady:predict", b"[" * 100_000, 400),
    "REST, ragged rows": ("steady:predict", b'{"inputs": {"seed": [[1], [1, 2]], "truncation": [1.0]}}', 400),
    "REST, a truncation of NaN": ("steady:predict", b'{"signature_name": "sample", "instances": [{"seed": 1, "truncation": NaN}]}', 400),
    "REST, a truncation of -Infinity": ("steady:predict", b'{"signature_name": "sample", "inputs": {"seed": [1], "truncation": [-Infinity]}}', 400),
    "REST, an unknown model": ("no:predict", b'{"instances": [1]}', 404),
    "REST, 5 MiB": ("steady:predict", b" " * 5 * 2**20, 413),
}  # fmt: skip
PREFLIGHTS = [  # (kind, headers, status and to which pages the reply is open)
    ("REST, a browser's preflight", {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}, "200 *"),
    ("REST, OPTIONS of no page", {}, "400 *"),
]
HEADER_SECONDS = 20  # in which headers that do not end have to be cut off; the server's own limit is 10


async def strangers(tally, grpc_address, rest_address, until):
    """All that is hostile, again and again: requests that are wrong, that are cancelled, and that come drop by drop."""
    import aiohttp
    import grpc

    chance = random.Random(1)

    async def status_of(channel, method, data, timeout):
        try:
            await channel.unary_unary(f"/tensorflow.serving.{method}")(data, timeout=timeout)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    async def wrong_requests():
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(grpc_address, options) as channel, aiohttp.ClientSession() as session:
            while time.monotonic() < until:
                for kind, (method, data, timeout, expected) in hostile_requests(chance).items():
                    tally.bad(kind, await status_of(channel, method, data, timeout), expected)
                for kind, (path, body, expected) in HOSTILE_REST.items():
                    reply = await session.post(f"http://{rest_address}/v1/models/{path}", data=body)
                    await reply.read()
                    tally.bad(kind, str(reply.status), {str(expected)})
                url = f"http://{rest_address}/v1/models/steady:predict"
                for kind, headers, expected in PREFLIGHTS:
                    async with session.options(url, headers=headers) as reply:
                        allowed = reply.headers.get("Access-Control-Allow-Origin", "to no page")
                    tally.bad(kind, f"{reply.status} {allowed}", {expected})
                call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(
                    predict_request("steady", np.arange(16)).SerializeToString()
                )
                await asyncio.sleep(0.002)
                call.cancel()
                tally.bad("given up by its client", (await call.code()).name, {"CANCELLED", "OK"})
                await asyncio.sleep(0.05)

    async def drop_by_drop(address, message):
        """A client that needs half a minute for what it says, and never listens."""
        host, port = address.rsplit(":", 1)
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                for byte in message:
                    if time.monotonic() > until:
                        break
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(30 / len(message))
                writer.close()
            tally.statuses["slow clients"]["hung up"] += 1

    async def endless_headers():
        """A client whose headers never end."""
        while time.monotonic() + HEADER_SECONDS < until:
            start, outcome = time.monotonic(), "open"
            _, writer = await asyncio.open_connection(*rest_address.rsplit(":", 1))
            writer.write(b"GET /v1/models/steady HTTP/1.1\r\n")
            while outcome == "open" and time.monotonic() < start + HEADER_SECONDS:
                await asyncio.sleep(0.5)
                try:
                    writer.write(b"x: y\r\n")
                    await writer.drain()
                except OSError:
                    outcome = "closed"
            writer.close()
            tally.bad("headers without an end", outcome, {"closed"})

    post = b"POST /v1/models/steady:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    slow = [
        (grpc_address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (grpc_address, chance.randbytes(60)),
        (rest_address, post),
    ]
    await asyncio.gather(wrong_requests(), endless_headers(), *(drop_by_drop(*each) for each in slow * 4))
