"""Clients of TensorFlow Serving and of the embedded server, by gRPC, with no model code and without TensorFlow.

    with Client("localhost:8500") as client:
        generator = client.generator("sngan_mnist")
        images = generator.sample(range(64))            # uint8 [64, H, W, C], seeds 0 to 63

`AsyncClient` has the same methods, to be awaited.
"""

import asyncio
import time

from tfgan_zoo.saved_model.signature_calls import BaseSampler, SignatureInputs
from tfgan_zoo.serving import wire
from tfgan_zoo.serving.remote import BatchTooLargeError, Settings, Tries
from tfgan_zoo.serving.requests import Model, Work, joined, shapes, signatures_of, states_of

METHODS = {
    "predict": ("PredictionService/Predict", "PredictResponse"),
    "metadata": ("PredictionService/GetModelMetadata", "MetadataResponse"),
    "status": ("ModelService/GetModelStatus", "StatusResponse"),
}
PARALLEL = 4  # requests of one asynchronous call under way at once


class Client:
    """Waits for its answers. One may be used by many threads.

    Args:
        address: "HOST:PORT".
        settings: further fields of `remote.Settings`: ca, cert, key, timeout, max_batch, max_bytes, ...

    Raises:
        ZooError: of all methods, with the server's message and what would do. UNAVAILABLE is tried again until the timeout.
    """

    def __init__(self, address, **settings):
        import grpc

        self.settings = Settings(address, **settings)
        self.channel = self.settings.channel(grpc)
        self.calls = unary_calls(self.channel)
        self.error = grpc.RpcError

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.channel.close()

    def send(self, method, request, what):
        """The reply to one request, whatever tries it takes."""
        tries = Tries(self.settings, what, self.settings.seconds(method))
        while True:
            try:
                return self.calls[method](request, timeout=tries.left())
            except self.error as error:
                time.sleep(tries.pause(error))

    def status(self, name, version=None, label=None):
        """{version: (state, error message)}; "AVAILABLE" is the state of those that answer."""
        model = Model(name, version, label)
        return states_of(self.send("status", model.status_request(), str(model)))

    def signatures(self, name, version=None, label=None):
        """{name: `requests.Signature`}: what a model takes and gives, as its server says."""
        model = Model(name, version, label)
        return signatures_of(self.send("metadata", model.metadata_request(), str(model)))

    def generator(self, name, version=None, label=None):
        """The `RemoteGenerator` of a model; version: a number, label: a version's label, the newest with neither."""
        return RemoteSampler(self, Model(name, version, label), self.signatures(name, version, label))

    def predict(self, name, signature, inputs, version=None, label=None):
        """{name: array [N, ...]} of a signature, for inputs {name: array [N, ...]}, in as many requests as it takes."""
        model = Model(name, version, label)
        return joined(list(self.stream(model, self.signatures(name, version, label), signature, inputs)))

    def stream(self, model, signatures, signature, inputs):
        """Yields the outputs {name: array} of one piece of the rows after another; arguments as in `requests.Work`."""
        work, start = Work(model, signatures, signature, inputs, self.settings), 0
        while start < work.rows:
            try:
                response = self.send("predict", work.request(start), str(model))
            except BatchTooLargeError as error:
                work.lower(error.limit)
                continue
            yield work.outputs(response, start)
            start += work.size


class RemoteSampler(BaseSampler):
    """Samples by seed, behind a server: `sample`, `latents` and `from_latents` as in `Sampling`, and `stream`.

    The server's metadata do not say how many classes there are, nor what its codes are.
    """

    def __init__(self, client, model, signatures):
        super().__init__(*shapes(signatures))
        self.client, self.model, self.signatures = client, model, signatures

    def call(self, signature, **inputs):
        return joined(list(self.client.stream(self.model, self.signatures, signature, inputs)))

    def stream(self, seeds, truncation=None, labels=None, codes=None):
        """Yields the samples of `sample` piece by piece, as they come."""
        inputs = self.draws_with(seeds, truncation, labels, codes)
        for outputs in self.client.stream(self.model, self.signatures, "sample", inputs):
            yield outputs[self.made]


class AsyncClient:
    """`Client`, awaited. To be made where an event loop runs; a call has up to four requests under way."""

    def __init__(self, address, **settings):
        import grpc
        import grpc.aio

        self.settings = Settings(address, **settings)
        self.channel = self.settings.channel(grpc.aio)
        self.calls = unary_calls(self.channel)
        self.error = grpc.RpcError

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        await self.close()

    async def close(self):
        await self.channel.close()

    async def send(self, method, request, what):
        tries = Tries(self.settings, what, self.settings.seconds(method))
        while True:
            try:
                return await self.calls[method](request, timeout=tries.left())
            except self.error as error:
                await asyncio.sleep(tries.pause(error))

    async def status(self, name, version=None, label=None):
        model = Model(name, version, label)
        return states_of(await self.send("status", model.status_request(), str(model)))

    async def signatures(self, name, version=None, label=None):
        model = Model(name, version, label)
        return signatures_of(await self.send("metadata", model.metadata_request(), str(model)))

    async def generator(self, name, version=None, label=None):
        return AsyncRemoteSampler(self, Model(name, version, label), await self.signatures(name, version, label))

    async def predict(self, name, signature, inputs, version=None, label=None):
        model, signatures = Model(name, version, label), await self.signatures(name, version, label)
        return joined([part async for part in self.stream(model, signatures, signature, inputs)])

    async def stream(self, model, signatures, signature, inputs):
        work, start = Work(model, signatures, signature, inputs, self.settings), 0
        while start < work.rows:
            starts = range(start, work.rows, work.size)[:PARALLEL]
            sent = [self.send("predict", work.request(first), str(model)) for first in starts]
            responses = await asyncio.gather(*sent, return_exceptions=True)  # none is left under way when one fails
            errors = [response for response in responses if isinstance(response, Exception)]
            for error in errors:
                if not isinstance(error, BatchTooLargeError):
                    raise error
            if errors:
                work.lower(min(error.limit for error in errors))
                continue
            for first, response in zip(starts, responses, strict=True):
                yield work.outputs(response, first)
            start = starts[-1] + work.size


class AsyncRemoteSampler(SignatureInputs):
    """`RemoteGenerator`, awaited."""

    def __init__(self, client, model, signatures):
        super().__init__(*shapes(signatures))
        self.client, self.model, self.signatures = client, model, signatures

    async def call(self, signature, **inputs):
        return joined([p async for p in self.client.stream(self.model, self.signatures, signature, inputs)])

    async def sample(self, seeds, truncation=None, labels=None, codes=None):
        return (await self.call("sample", **self.draws_with(seeds, truncation, labels, codes)))[self.made]

    async def latents(self, seeds, truncation=None):
        return (await self.call("latents", **self.draws(seeds, truncation)))["noise"]

    async def from_latents(self, noise, labels=None, codes=None):
        return (await self.call("serving_default", **self.noise_with(noise, labels, codes)))[self.made]

    async def stream(self, seeds, truncation=None, labels=None, codes=None):
        inputs = self.draws_with(seeds, truncation, labels, codes)
        async for outputs in self.client.stream(self.model, self.signatures, "sample", inputs):
            yield outputs[self.made]


def unary_calls(channel):
    """{method: call} of a channel, waiting or awaited."""
    return {
        name: channel.unary_unary(
            f"/tensorflow.serving.{path}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=wire.message(reply).FromString,
        )
        for name, (path, reply) in METHODS.items()
    }
