"""The server as a whole: starts, polls for changes, and stops without dropping the requests that it has accepted."""

import asyncio
import concurrent.futures
import dataclasses
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from grpc import StatusCode
from grpc_health.v1 import health_pb2

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.server import configuration, rest, rpc
from tfgan_zoo.serving.server.batching import Batcher
from tfgan_zoo.serving.server.manager import Manager
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.predictor import Predictor
from tfgan_zoo.serving.server.status import StatusError


@dataclasses.dataclass(frozen=True, eq=False)
class Options:
    """How to serve.

    Attributes:
        zoo: a folder of exports, each a model. Nothing outside of it is served.
        model_config: path of a models.config, which replaces the zoo's own list of models. Without a zoo, nothing is served
            outside of the folders that contain the models of its first version.
        host: address to listen on.
        port, rest_port: 0 for any free one.
        poll_seconds: time between checks of the folders; 0 for no checks.
        config_poll_seconds: time between checks of models.config; 0 for no checks.
        batching: how to batch.
        metrics_path: URL path of the metrics, or None for no metrics.
        tls: TLS for gRPC and REST, or None.
        allow_unavailable_labels: whether new labels may point to versions that are not loaded.
        tensor_content: whether gRPC's answers hold numbers as bytes in `tensor_content` instead of typed fields.
        max_request_bytes: size limit of a request.
        rest_timeout: seconds for one REST request.
        rest_header_seconds: seconds in which a REST connection has to send the headers of its first request.
        rest_connections: the most REST connections at a time.
        rest_cors: whether REST's replies have CORS headers.
        stop_seconds: time to finish queued requests when stopping.
        check: called with a version folder before it is loaded; raises ZooError if it is not to be trusted.
        log: called with each line of the log.
    """

    zoo: str | None = None
    model_config: str | Path | None = None
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 8501
    poll_seconds: float = 1.0
    config_poll_seconds: float = 0.0
    batching: configuration.BatchSettings = dataclasses.field(default_factory=configuration.BatchSettings)
    metrics_path: str | None = "/monitoring/prometheus/metrics"
    tls: configuration.TlsSettings | None = None
    allow_unavailable_labels: bool = False
    tensor_content: bool = False
    max_request_bytes: int = 4 * 2**20
    rest_timeout: float = 30.0
    rest_header_seconds: float = 10.0
    rest_connections: int = 512
    rest_cors: bool = False
    stop_seconds: float = 30.0
    check: Callable[[Path], object] = lambda folder: None
    log: Callable[[str], object] = print

    def config(self) -> Any:
        """The current ModelServerConfig.

        Raises:
            ZooError: there is neither a zoo nor a models.config, or it cannot be read.
        """
        if self.model_config:
            return configuration.model_server_config(self.model_config)
        if not self.zoo:
            raise ZooError("nothing to serve: expected --zoo, a folder of exports, or --model_config_file; see --help.")
        return configuration.zoo_config(self.zoo)


class Server:
    """A running server, created by `await Server(options).start()` on the event loop that it will run on.

    Attributes:
        grpc_port, rest_port: where it listens.
    """

    def __init__(self, options: Options):
        self.options = options
        if options.zoo and not Path(options.zoo).is_dir():
            raise ZooError(f"--zoo={options.zoo}: expected a folder of exports, such as export/.")
        self.config = options.config()
        roots = (Path(options.zoo).resolve(),) if options.zoo else configuration.model_roots(self.config)
        self.metrics = Metrics()
        self.run_threads = concurrent.futures.ThreadPoolExecutor(
            options.batching.threads + options.batching.extra_runs, "run"
        )
        self.load_thread = concurrent.futures.ThreadPoolExecutor(1, "load")
        self.manager = Manager(
            roots, options.check, self.load_thread, self.metrics, options.allow_unavailable_labels, options.log
        )
        self.batcher = Batcher(options.batching, self.run_threads, self.metrics)
        self.predictor = Predictor(self.manager, self.batcher, self.metrics)
        self.tasks: list[asyncio.Task] = []
        self.absent: set[str] = set()  # models of the zoo whose folders the last check missed

    async def start(self) -> "Server":
        """Loads the models, then listens. Returns itself.

        Raises:
            ZooError: the configuration is invalid, or a port is taken. A model that cannot be loaded is only logged, and
                tried again at every poll.
        """
        options = self.options
        await check_port_free(options.host, options.port, "port")  # before the models are loaded, which takes long
        await check_port_free(options.host, options.rest_port, "rest_api_port")
        tls = rest.ssl_context(options.tls) if options.tls else None
        try:
            await self.manager.apply(self.config)
        except StatusError as error:
            if not self.manager.models:
                raise ZooError(f"{error.code.name}: {error.message}.") from None
            options.log(error.message)
        if options.zoo and not options.model_config:
            for link in configuration.outside_links(options.zoo):
                options.log(f"{link} leads outside of {options.zoo} and is not served.")
            if not self.config.model_config_list.config:
                options.log(f"{options.zoo} contains no exports such as sngan_mnist/1/ yet; new ones will be served.")
        self.rpc, self.grpc_port, self.health = await rpc.start(
            self.predictor,
            options.host,
            options.port,
            options.max_request_bytes,
            options.tls,
            options.tensor_content,
        )
        web = rest.Rest(
            self.predictor,
            self.metrics,
            options.metrics_path,
            options.rest_timeout,
            options.max_request_bytes,
            options.rest_cors,
        )
        try:
            self.rest, self.rest_port = await rest.start(
                web, options.host, options.rest_port, tls, options.rest_header_seconds, options.rest_connections
            )
        except ZooError:
            await self.rpc.stop(None)  # else gRPC stops after the event loop has ended, with a traceback
            raise
        self.tasks.append(asyncio.create_task(self.repeat(options.poll_seconds, self.manager.poll)))
        if not options.model_config:
            self.tasks.append(asyncio.create_task(self.repeat(options.poll_seconds, self.follow_config)))
        elif options.config_poll_seconds:
            self.tasks.append(asyncio.create_task(self.repeat(options.config_poll_seconds, self.follow_config)))
        return self

    async def repeat(self, seconds: float, function: Callable[[], Awaitable]) -> None:
        """Calls a function periodically; a repeated error is logged once."""
        logged = None
        while seconds:
            await asyncio.sleep(seconds)
            try:
                await function()
                logged = None
            except Exception as error:  # the next call may succeed
                if str(error) != logged:
                    logged = str(error)
                    self.options.log(logged)

    async def follow_config(self) -> None:
        """Applies the configuration if it has changed; until then, what a client's reload request set remains."""
        config = await asyncio.to_thread(self.options.config)
        if not self.options.model_config:
            config = self.with_absent(config)
        if config == self.config:
            return
        try:
            await self.manager.apply(config)
        except StatusError as error:
            if error.code != StatusCode.UNKNOWN:  # UNKNOWN: it was applied, but a model is missing
                raise
            self.options.log(error.message)
        self.config = config

    def with_absent(self, config: Any) -> Any:
        """A zoo's configuration with the models that this check is the first to miss: their folders may be being replaced."""
        found = {model.name for model in config.model_config_list.config}
        missed = [model for model in self.config.model_config_list.config if model.name not in found]
        config.model_config_list.config.extend(model for model in missed if model.name not in self.absent)
        config.model_config_list.config.sort(key=lambda model: model.name)
        self.absent = {model.name for model in missed}
        return config

    async def stop(self) -> None:
        """Rejects new requests with UNAVAILABLE, finishes the queued ones, and shuts down."""
        self.predictor.stopping = True
        for name in rpc.SERVICES:
            await self.health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        for task in self.tasks:
            task.cancel()
        loop = asyncio.get_running_loop()
        end = loop.time() + self.options.stop_seconds
        idle = 0
        while idle < 10 and loop.time() < end:  # requests on their way are still to be answered, not cut off
            await asyncio.sleep(0.02)
            idle = 0 if self.batcher.pending else idle + 1
        await asyncio.gather(self.rpc.stop(grace=5), self.rest.cleanup())
        self.run_threads.shutdown(wait=False, cancel_futures=True)
        self.load_thread.shutdown(wait=False, cancel_futures=True)


async def check_port_free(host: str, port: int, flag: str) -> None:
    """Raises: ZooError if the port is taken. flag: the command's flag that sets it."""
    try:
        listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        raise rest.listen_error(host, port, flag, error) from None
    listening.close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop for a server: uvloop's, which is faster, or on Windows, where that does not run, asyncio's own."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def run(options: Options) -> None:
    """`serve` in an event loop of its own. Raises: ZooError."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(options))


async def serve(options: Options) -> None:
    """Serves until SIGTERM or SIGINT, and prints the addresses.

    Raises:
        ZooError: as `Server.start`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting, stopping = asyncio.ensure_future(Server(options).start()), asyncio.ensure_future(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # loading many models takes long
        starting.cancel()
        print("Stopping once the model that is being loaded has been loaded.", flush=True)
        return
    server = await starting
    scheme, host = "https" if options.tls else "http", f"[{options.host}]" if ":" in options.host else options.host
    print(f"gRPC: {host}:{server.grpc_port}", flush=True)
    print(f"REST: {scheme}://{host}:{server.rest_port}/v1/models/NAME", flush=True)
    await stopping
    print("Stopping: finishing queued requests.", flush=True)
    await server.stop()
