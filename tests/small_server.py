"""A server in a thread of the test process, TensorFlow Serving in a container, their clients, and a gate that holds up runs."""

import asyncio
import contextlib
import faulthandler
import functools
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfgan_zoo.serving.deployment import IMAGE
from tfgan_zoo.serving.server.application import Options, Server, new_event_loop


def save_picks(folder):
    """Another library's model: looks up a row in a table of three, and fails for other indices."""
    module = tf.Module()
    module.pick = tf.function(lambda row: {"value": tf.gather(tf.constant([0.5, 1.5, 2.5]), row)})
    signature = module.pick.get_concrete_function(row=tf.TensorSpec([None], tf.int32))
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})


@functools.cache
def help_text():
    """What `python -m tfgan_zoo.serve --help` prints; flags of two command lines cannot be defined in one process."""
    command = [sys.executable, "-m", "tfgan_zoo.serve", "--help"]
    return " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


class Clients:
    """Clients of a server. Attributes: predict, models: gRPC stubs; exact: whether its results are bit-equal to this machine's."""

    def __init__(self, address, url, exact):
        self.address, self.url, self.exact = address, url, exact
        self.channel = grpc.insecure_channel(self.address)
        self.predict = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def rest(self, path, body=None, raw=None):
        """(status, JSON) of a GET, or of a POST if there is a body."""
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data), timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


class Running(Clients):
    """An embedded server. Attributes: server; lines: its log."""

    def __init__(self, **options):
        self.lines, self.loop = [], new_event_loop()
        self.options = Options(port=0, rest_port=0, log=self.lines.append, **{"poll_seconds": 0.05, **options})
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(self.started())
        ports = (self.server.grpc_port, self.server.rest_port)
        super().__init__(f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}", exact=True)

    async def started(self):
        return await Server(self.options).start()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def stop(self):
        print(*self.lines, sep="\n")  # shown if the test fails
        self.call(self.server.stop())
        self.channel.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@contextlib.contextmanager
def running(**options):
    server = Running(**options)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def tensorflow_serving(folders, *flags):
    """`Clients` of TensorFlow Serving's own image, with the folders mounted at the same paths; skips without Docker."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("Docker is not running, so TensorFlow Serving itself was not tested")
    mounts = [f"--volume={folder}:{folder}:ro" for folder in folders]
    ports = [f"--publish=127.0.0.1::{port}" for port in (8500, 8501)]
    command = ["docker", "run", "--detach", "--rm", *mounts, *ports, IMAGE, *flags]
    container = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        grpc_address, rest_address = (
            subprocess.run(
                ["docker", "port", container, str(port)], check=True, capture_output=True, text=True
            ).stdout.split()[0]
            for port in (8500, 8501)
        )
        clients = Clients(grpc_address, f"http://{rest_address}", exact=False)
        grpc.channel_ready_future(clients.channel).result(120)
        yield clients
        clients.channel.close()
    finally:
        subprocess.run(["docker", "stop", container], check=True, capture_output=True)


def wait_for(condition, seconds=30):
    """Returns once condition() is true; fails, with what every thread is doing in the captured stderr, if that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            faulthandler.dump_traceback()
            pytest.fail("the condition did not become true")
        time.sleep(0.01)


class Gate:
    """Runs wait at it while it is closed. Attributes: sizes: number of requests in each run."""

    def __init__(self, running):
        self.batcher, self.open, self.sizes = running.server.batcher, threading.Event(), []
        self.compute = self.batcher.compute
        self.batcher.compute = self.gated

    def gated(self, signature, tasks):
        self.sizes.append(len(tasks))
        assert self.open.wait(30)
        return self.compute(signature, tasks)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.open.set()
        wait_for(lambda: not self.batcher.pending)
        self.batcher.compute = self.compute


def spec(name, signature="", version=None, label=None):
    message = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        message.version.value = version
    if label is not None:
        message.version_label = label
    return message


def request(name="toy", signature="sample", version=None, label=None, only=(), **inputs):
    """A PredictRequest; inputs are (dtype, value) or TensorProtos."""
    message = predict_pb2.PredictRequest(model_spec=spec(name, signature, version, label), output_filter=only)
    for key, value in inputs.items():
        proto = tf.make_tensor_proto(value[1], value[0]) if type(value) is tuple else value
        message.inputs[key].CopyFrom(proto)
    return message


def draws(*seeds):
    """Inputs of the signature `sample` for `request`."""
    return {"seed": ("int64", list(seeds)), "truncation": ("float32", [float("inf")] * len(seeds))}


def refusal(call, *arguments, **more):
    """(status name, message) of a call that must fail."""
    try:
        call(*arguments, **more)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError("the call succeeded")
