"""The server as a whole: starts, polls, and stops without dropping what it has taken on."""

import asyncio
import concurrent.futures
import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path

from grpc import StatusCode
from grpc_health.v1 import health_pb2

from tfgan_zoo.core.errors import ZooError
from tfgan_zoo.serving.server import configuration, rest, rpc
from tfgan_zoo.serving.server.batching import Batcher
from tfgan_zoo.serving.server.manager import Manager
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.predictor import Predictor
from tfgan_zoo.serving.server.status import Refused


@dataclasses.dataclass(frozen=True, eq=False)
class Options:
    """How to serve.

    zoo: a folder of exports; models: path of a models.config, in place of one model a child of the zoo. Nothing outside
        of the zoo is served or, without one, outside of the folders that the first models.config's models lie in.
    port, rest_port: 0 for any that is free.
    poll, poll_config: seconds between looks at the folders, and at models.config (0: never again).
    most_bytes: of a request; rest_seconds: that one over REST may take; patience: seconds to finish in when stopping.
    """

    zoo: str | None = None
    models: str | None = None
    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 8501
    poll: float = 1.0
    poll_config: float = 0.0
    batching: configuration.BatchSettings = dataclasses.field(default_factory=configuration.BatchSettings)
    metrics_path: str | None = "/monitoring/prometheus/metrics"
    tls: configuration.TlsSettings | None = None
    early_labels: bool = False
    most_bytes: int = 4 * 2**20
    rest_seconds: float = 30.0
    patience: float = 30.0
    check: Callable = lambda folder: None
    say: Callable = print

    def config(self):
        """The ModelServerConfig of now."""
        return configuration.model_server_config(self.models) if self.models else configuration.zoo_config(self.zoo)


class Server:
    """A running server, made by `await Server(options).start()` on the event loop that it will live on.

    Attributes:
        grpc_port, rest_port: where it listens.
    """

    def __init__(self, options):
        self.options = options
        if not (options.zoo or options.models):
            raise ZooError("give --zoo, a folder of exports, or --model_config_file; see --help.")
        if options.zoo and not Path(options.zoo).is_dir():
            raise ZooError(f"{options.zoo} is no folder; give --zoo a folder of exports, such as export/.")
        self.config = options.config()
        roots = (Path(options.zoo).resolve(),) if options.zoo else configuration.roots_of(self.config)
        self.metrics = Metrics()
        self.runs = concurrent.futures.ThreadPoolExecutor(options.batching.threads + options.batching.ahead, "run")
        self.loads = concurrent.futures.ThreadPoolExecutor(1, "load")
        self.manager = Manager(roots, options.check, self.loads, self.metrics, options.early_labels, options.say)
        self.batcher = Batcher(options.batching, self.runs, self.metrics)
        self.predictor = Predictor(self.manager, self.batcher, self.metrics)
        self.tasks = []

    async def start(self):
        """Loads the models, then listens. Returns itself.

        Raises:
            ZooError: a configuration that cannot be, or a port that is taken. A model that cannot be loaded is said, and
                looked at again at every poll.
        """
        options = self.options
        await refuse_taken(options.host, options.port, "port")  # before the models are loaded, which takes long
        await refuse_taken(options.host, options.rest_port, "rest_api_port")
        tls = rest.context_of(options.tls) if options.tls else None
        try:
            await self.manager.apply(self.config)
        except Refused as error:
            if not self.manager.models:
                raise ZooError(f"{error.code.name}: {error.message}.") from None
            options.say(error.message)
        if not options.models:
            for link in configuration.links_out(options.zoo):
                options.say(f"{link} leads outside of {options.zoo} and is not served.")
            if not self.config.model_config_list.config:
                options.say(f"{options.zoo} holds no exports such as sngan_mnist/1/ yet; those that appear are served.")
        self.rpc, self.grpc_port, self.health = await rpc.start(
            self.predictor, options.host, options.port, options.most_bytes, options.tls
        )
        web = rest.Rest(self.predictor, self.metrics, options.metrics_path, options.rest_seconds, options.most_bytes)
        try:
            self.rest, self.rest_port = await rest.start(web, options.host, options.rest_port, tls)
        except ZooError:
            await self.rpc.stop(None)  # else gRPC tries when the event loop is gone, with a traceback
            raise
        self.tasks.append(asyncio.create_task(self.every(options.poll, self.manager.poll)))
        if not options.models:
            self.tasks.append(asyncio.create_task(self.every(options.poll, self.follow)))
        elif options.poll_config:
            self.tasks.append(asyncio.create_task(self.every(options.poll_config, self.follow)))
        return self

    async def every(self, seconds, function):
        """Calls it again and again; what fails is said once, and tried the next time."""
        said = None
        while seconds:
            await asyncio.sleep(seconds)
            try:
                await function()
                said = None
            except Exception as error:  # whatever it is, the next call may do
                if str(error) != said:
                    said = str(error)
                    self.options.say(said)

    async def follow(self):
        """Serves what the configuration says once it says something new; a client's reload holds till then."""
        config = await asyncio.to_thread(self.options.config)
        if config == self.config:
            return
        try:
            await self.manager.apply(config)
        except Refused as error:
            if error.code != StatusCode.UNKNOWN:  # which says that it holds, and that a model is missing
                raise
            self.options.say(error.message)
        self.config = config

    async def stop(self):
        """Refuses what is new, with UNAVAILABLE, finishes what is queued and goes."""
        self.predictor.stopping = True
        for name in rpc.SERVICES:
            await self.health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        for task in self.tasks:
            task.cancel()
        loop = asyncio.get_running_loop()
        end = loop.time() + self.options.patience
        idle = 0
        while idle < 10 and loop.time() < end:  # what is on its way is to be told, and not cut off
            await asyncio.sleep(0.02)
            idle = 0 if self.batcher.waiting else idle + 1
        await asyncio.gather(self.rpc.stop(grace=5), self.rest.cleanup())
        self.runs.shutdown(wait=False, cancel_futures=True)
        self.loads.shutdown(wait=False, cancel_futures=True)


async def refuse_taken(host, port, flag):
    """Raises: ZooError, where one cannot listen at a port."""
    try:
        listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        raise rest.cannot_listen(host, port, flag, error) from None
    listening.close()


async def serve(options):
    """Serves as the `Options` say until SIGTERM or SIGINT, and prints where.

    Raises:
        ZooError: as `Server.start`.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting, told = asyncio.ensure_future(Server(options).start()), asyncio.ensure_future(stop.wait())
    await asyncio.wait([starting, told], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # a zoo takes its time to load
        starting.cancel()
        print("Stopping: the model that is being loaded is the last.", flush=True)
        return
    server = await starting
    scheme, host = "https" if options.tls else "http", f"[{options.host}]" if ":" in options.host else options.host
    print(f"gRPC: {host}:{server.grpc_port}", flush=True)
    print(f"REST: {scheme}://{host}:{server.rest_port}/v1/models/NAME", flush=True)
    await told
    print("Stopping: what is queued is finished.", flush=True)
    await server.stop()
