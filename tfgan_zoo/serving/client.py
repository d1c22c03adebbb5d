"""gRPC clients of TensorFlow Serving and of the embedded server. They need neither model code nor TensorFlow.

    with Client("localhost:8500") as client:
        generator = client.generator("sngan_mnist")
        images = generator.sample(range(64))            # uint8 [64, H, W, C], seeds 0 to 63

`AsyncClient` has the same methods as coroutines.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfgan_zoo.saved_model.signature_calls import BaseSampler, SignatureInputs, only_latent
from tfgan_zoo.serving import wire
from tfgan_zoo.serving.connection import BatchTooLargeError, ClientSettings, Retry
from tfgan_zoo.serving.requests import (
    PredictCall,
    ServedModel,
    Signature,
    concatenate,
    signature_specs,
    signatures_of,
    version_states,
)

METHODS = {
    "predict": ("PredictionService/Predict", "PredictResponse"),
    "metadata": ("PredictionService/GetModelMetadata", "MetadataResponse"),
    "status": ("ModelService/GetModelStatus", "StatusResponse"),
}
CONCURRENT_REQUESTS = 4  # of one asynchronous call


class Client:
    """A blocking client. Threads may share it.

    Args:
        address: "HOST:PORT".
        settings: further fields of `connection.ClientSettings`: ca, cert, key, timeout, max_batch, max_bytes, ...

    Raises:
        ZooError: from every method, with the server's message and advice. UNAVAILABLE is retried until the timeout.

    Examples:
        Building a client sends nothing; its first call connects. With a server running, `client.generator(name).sample(seeds)`
        returns images.

        >>> with Client("localhost:8500", timeout=5) as client:
        ...     client.settings.timeout, client.settings.max_batch
        (5, 64)
        >>> Client("localhost")
        Traceback (most recent call last):
        tfgan_zoo.core.errors.ZooError: address='localhost': expected HOST:PORT, such as localhost:8500.
    """

    def __init__(self, address: str, **settings: Any):
        import grpc

        self.settings = ClientSettings(address, **settings)
        self.channel = self.settings.channel(grpc)
        self.calls = unary_calls(self.channel)
        self.rpc_error = grpc.RpcError

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel."""
        self.channel.close()

    def send(self, method: str, request: Any, subject: str) -> Any:
        """The reply to one request of `METHODS`, retried as needed. subject: what it is about, for error messages."""
        retry = Retry(self.settings, subject, self.settings.method_timeout(method))
        while True:
            try:
                return self.calls[method](request, timeout=retry.attempt_timeout())
            except self.rpc_error as error:
                time.sleep(retry.backoff(error))

    def status(self, name: str, version: int | None = None, label: str | None = None) -> dict[int, tuple[str, str]]:
        """{version: (state, error message)} of a model; versions in state "AVAILABLE" answer requests."""
        model = ServedModel(name, version, label)
        return version_states(self.send("status", model.status_request(), str(model)))

    def signatures(self, name: str, version: int | None = None, label: str | None = None) -> dict[str, Signature]:
        """{name: `requests.Signature`}: the inputs and outputs of a model, from the server's metadata."""
        model = ServedModel(name, version, label)
        return signatures_of(self.send("metadata", model.metadata_request(), str(model)))

    def generator(self, name: str, version: int | None = None, label: str | None = None) -> "RemoteSampler":
        """The sampler of a model, of a version by number or by label; of the newest one by default."""
        return RemoteSampler(self, ServedModel(name, version, label), self.signatures(name, version, label))

    def predict(
        self,
        name: str,
        signature: str,
        inputs: Mapping[str, ArrayLike],
        version: int | None = None,
        label: str | None = None,
    ) -> dict[str, np.ndarray]:
        """Outputs {name: array [N, ...]} of a signature for inputs {name: array [N, ...]}, split into requests as needed."""
        model = ServedModel(name, version, label)
        return concatenate(list(self.stream(model, self.signatures(name, version, label), signature, inputs)))

    def stream(
        self, model: ServedModel, signatures: Mapping[str, Signature], signature: str, inputs: Mapping[str, ArrayLike]
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yields the outputs {name: array} request by request, in order; arguments as in `requests.PredictCall`."""
        call, start = PredictCall(model, signatures, signature, inputs, self.settings), 0
        while start < call.rows:
            try:
                response = self.send("predict", call.request(start), str(model))
            except BatchTooLargeError as error:
                call.limit_batch(error.limit)
                continue
            yield call.outputs(response, start)
            start += call.batch_size


class RemoteSampler(BaseSampler):
    """Samples by seed from a server: the methods of `BaseSampler`, and `stream`.

    The server's metadata state neither the number of classes nor the kinds of codes, so these are not checked here.
    """

    def __init__(self, client: Client, model: ServedModel, signatures: dict[str, Signature]):
        super().__init__(*signature_specs(signatures))
        self.client, self.model, self.signatures = client, model, signatures

    def call(self, signature: str, **inputs: ArrayLike) -> dict[str, np.ndarray]:
        return concatenate(list(self.client.stream(self.model, self.signatures, signature, inputs)))

    def stream(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> Iterator[np.ndarray]:
        """Yields the samples of `sample` in batches as they arrive."""
        inputs = self.sample_inputs(seeds, truncation, labels, codes, **conditions)
        for outputs in self.client.stream(self.model, self.signatures, "sample", inputs):
            yield outputs[self.output_name]


class AsyncClient:
    """The asynchronous `Client`, to be created in a running event loop; one call keeps up to four requests in flight.

    Args:
        address: "HOST:PORT".
        settings: as for `Client`.

    Raises:
        ZooError: as `Client`.

    Examples:
        >>> async def settings():
        ...     async with AsyncClient("localhost:8500", max_batch=16) as client:
        ...         return client.settings
        >>> asyncio.run(settings()).max_batch
        16
    """

    def __init__(self, address: str, **settings: Any):
        import grpc
        import grpc.aio

        self.settings = ClientSettings(address, **settings)
        self.channel = self.settings.channel(grpc.aio)
        self.calls = unary_calls(self.channel)
        self.rpc_error = grpc.RpcError

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """As `Client.close`."""
        await self.channel.close()

    async def send(self, method: str, request: Any, subject: str) -> Any:
        """As `Client.send`."""
        retry = Retry(self.settings, subject, self.settings.method_timeout(method))
        while True:
            try:
                return await self.calls[method](request, timeout=retry.attempt_timeout())
            except self.rpc_error as error:
                await asyncio.sleep(retry.backoff(error))

    async def status(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> dict[int, tuple[str, str]]:
        """As `Client.status`."""
        model = ServedModel(name, version, label)
        return version_states(await self.send("status", model.status_request(), str(model)))

    async def signatures(self, name: str, version: int | None = None, label: str | None = None) -> dict[str, Signature]:
        """As `Client.signatures`."""
        model = ServedModel(name, version, label)
        return signatures_of(await self.send("metadata", model.metadata_request(), str(model)))

    async def generator(self, name: str, version: int | None = None, label: str | None = None) -> "AsyncRemoteSampler":
        """As `Client.generator`."""
        return AsyncRemoteSampler(self, ServedModel(name, version, label), await self.signatures(name, version, label))

    async def predict(
        self,
        name: str,
        signature: str,
        inputs: Mapping[str, ArrayLike],
        version: int | None = None,
        label: str | None = None,
    ) -> dict[str, np.ndarray]:
        """As `Client.predict`."""
        model, signatures = ServedModel(name, version, label), await self.signatures(name, version, label)
        return concatenate([part async for part in self.stream(model, signatures, signature, inputs)])

    async def stream(
        self, model: ServedModel, signatures: Mapping[str, Signature], signature: str, inputs: Mapping[str, ArrayLike]
    ) -> AsyncIterator[dict[str, np.ndarray]]:
        """As `Client.stream`."""
        call, start = PredictCall(model, signatures, signature, inputs, self.settings), 0
        while start < call.rows:
            starts = range(start, call.rows, call.batch_size)[:CONCURRENT_REQUESTS]
            sent = [self.send("predict", call.request(first), str(model)) for first in starts]
            responses = await asyncio.gather(*sent, return_exceptions=True)  # if one fails, the others still complete
            errors = [response for response in responses if isinstance(response, Exception)]
            for error in errors:
                if not isinstance(error, BatchTooLargeError):
                    raise error
            if errors:
                call.limit_batch(min(error.limit for error in errors if isinstance(error, BatchTooLargeError)))
                continue
            for first, response in zip(starts, responses, strict=True):
                yield call.outputs(response, first)
            start = starts[-1] + call.batch_size


class AsyncRemoteSampler(SignatureInputs):
    """The asynchronous `RemoteSampler`."""

    def __init__(self, client: AsyncClient, model: ServedModel, signatures: dict[str, Signature]):
        super().__init__(*signature_specs(signatures))
        self.client, self.model, self.signatures = client, model, signatures

    async def call(self, signature: str, **inputs: ArrayLike) -> dict[str, np.ndarray]:
        """As `RemoteSampler.call`."""
        return concatenate([p async for p in self.client.stream(self.model, self.signatures, signature, inputs)])

    async def sample(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> np.ndarray:
        """As `BaseSampler.sample`."""
        inputs = self.sample_inputs(seeds, truncation, labels, codes, **conditions)
        return (await self.call("sample", **inputs))[self.output_name]

    async def latent_inputs(self, seeds: ArrayLike, truncation: float | None = None) -> dict[str, np.ndarray]:
        """As `BaseSampler.latent_inputs`."""
        return await self.call("latents", **self.seed_inputs(seeds, truncation))

    async def latents(self, seeds: ArrayLike, truncation: float | None = None) -> np.ndarray:
        """As `BaseSampler.latents`."""
        return only_latent(await self.latent_inputs(seeds, truncation))

    async def from_latents(
        self,
        latents: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **inputs: ArrayLike,
    ) -> np.ndarray:
        """As `BaseSampler.from_latents`."""
        arguments = self.serving_inputs(latents, labels, codes, **inputs)
        return (await self.call("serving_default", **arguments))[self.output_name]

    async def styles(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> np.ndarray:
        """As `BaseSampler.styles`."""
        self.check_styles()
        return (await self.call("mapping", **self.sample_inputs(seeds, truncation, labels, codes, **conditions)))[
            "styles"
        ]

    async def from_styles(self, styles: ArrayLike) -> np.ndarray:
        """As `BaseSampler.from_styles`."""
        return (await self.call("synthesis", **self.synthesis_inputs(styles)))["images"]

    async def stream(
        self,
        seeds: ArrayLike,
        truncation: float | None = None,
        labels: ArrayLike | None = None,
        codes: ArrayLike | None = None,
        **conditions: ArrayLike,
    ) -> AsyncIterator[np.ndarray]:
        """As `RemoteSampler.stream`."""
        inputs = self.sample_inputs(seeds, truncation, labels, codes, **conditions)
        async for outputs in self.client.stream(self.model, self.signatures, "sample", inputs):
            yield outputs[self.output_name]


def unary_calls(channel: Any) -> dict[str, Callable]:
    """{method of `METHODS`: its callable} on a channel of `grpc` or `grpc.aio`."""
    return {
        name: channel.unary_unary(
            f"/tensorflow.serving.{path}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=wire.message(reply).FromString,
        )
        for name, (path, reply) in METHODS.items()
    }
