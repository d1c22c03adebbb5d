"""The embedded server beside the same generator called in its own process: images a second.

    python -m benchmarks.serving --export=export/sngan_mnist --clients=64

One process holds the generator once and is measured in turns: called directly, by as many threads as there are cores, at
each batch size; and through its server by clients in another process, each waiting for its answer before it asks again.
Each turn lasts --seconds, and there are --turns of them. Clients share the machine with the server, so what they
themselves take is the server's loss: the share of the processor that each side had is printed.
"""

import argparse
import asyncio
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import results

UNCONDITIONAL = ("seed", "truncation")  # inputs of a generator's `sample` without labels


def inputs(names, seeds):
    """{input of `sample`: array [N]}, of which `names` are wanted; classes are drawn by seed."""
    rows = len(seeds)
    known = {"seed": np.int64(seeds), "truncation": np.full(rows, np.inf, "f4"), "labels": np.full(rows, -1, "i4")}
    return {name: known[name] for name in names}


def predict_request(name, seeds, names=UNCONDITIONAL):
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, "sample"
    for key, array in inputs(names, seeds).items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
    return request


async def ask(address, name, names, clients, images, seconds):
    """Images a second that clients get in so many seconds, after a quarter as many to get under way.

    Requests are made beforehand: they are not what is measured, nor are the last ones, which wait with fewer and fewer others.
    """
    import grpc
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    requests = [predict_request(name, np.arange(i * images, (i + 1) * images), names) for i in range(clients)]
    async with grpc.aio.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        await channel.channel_ready()
        stub, answered = prediction_service_pb2_grpc.PredictionServiceStub(channel), 0
        start = time.perf_counter() + seconds / 4

        async def client(request):
            nonlocal answered
            while time.perf_counter() < start + seconds:
                reply = await stub.Predict(request)
                if start <= time.perf_counter() < start + seconds:
                    answered += reply.outputs["images"].tensor_shape.dim[0].size

        await asyncio.gather(*map(client, requests))
        return answered / seconds


def clients_process():
    """Reads a line of arguments of `ask` for each turn, and writes the speed and its own processor seconds."""
    print("ready", flush=True)
    for line in sys.stdin:
        before = time.process_time()
        speed = asyncio.run(ask(*json.loads(line)))
        print(json.dumps([speed, time.process_time() - before]), flush=True)


def direct(signature, size, seconds):
    """Images a second of as many threads as there are cores, each calling the signature with so many rows."""
    import tensorflow as tf

    names = names_of(signature)

    def call(start):
        made = 0
        while time.perf_counter() - start < seconds:
            drawn = signature(**{k: tf.constant(v) for k, v in inputs(names, range(size)).items()})
            made += len(drawn["images"].numpy())
        return made

    threads = os.cpu_count()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        return sum(pool.map(call, [start] * threads)) / (time.perf_counter() - start)


def names_of(signature):
    return list(signature.structured_input_signature[1])


async def measure(arguments):
    import tensorflow as tf

    from tfgan_zoo.serving.server.application import Options, Server
    from tfgan_zoo.serving.server.configuration import BatchSettings

    tf.config.threading.set_intra_op_parallelism_threads(1)
    folder = Path(arguments.export).resolve()
    server = Server(
        Options(
            zoo=str(folder.parent),
            port=0,
            rest_port=0,
            batching=BatchSettings(timeout=arguments.wait),
            tensor_content=True,  # as the deployment files set it
        )
    )
    server.config.model_config_list.ClearField("config")
    server.config.model_config_list.config.add(name=folder.name, base_path=str(folder), model_platform="tensorflow")
    await server.start()
    server.tasks.pop().cancel()  # which would look for the rest of the zoo
    signature = next(iter(server.manager.states[folder.name].values())).servable.signatures["sample"].function
    command = [sys.executable, "-m", "benchmarks.serving", "--clients_process"]
    clients = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    await asyncio.to_thread(clients.stdout.readline)
    speeds, shares = {}, {}

    async def served(images):
        task = [f"127.0.0.1:{server.grpc_port}", folder.name, names_of(signature)]
        task += [arguments.clients, images, arguments.seconds]
        before, start = time.process_time(), time.perf_counter()
        print(json.dumps(task), file=clients.stdin, flush=True)
        speed, theirs = json.loads(await asyncio.to_thread(clients.stdout.readline))
        there = (time.perf_counter() - start) * os.cpu_count()
        shares.setdefault(images, []).append([(time.process_time() - before) / there, theirs / there])
        return speed

    for size in arguments.batches:
        await asyncio.to_thread(direct, signature, size, 0.5)
    for images in arguments.images:
        await served(images)
    for _ in range(arguments.turns):
        for size in arguments.batches:
            speed = await asyncio.to_thread(direct, signature, size, arguments.seconds)
            speeds.setdefault(f"direct, batches of {size}", []).append(speed)
        for images in arguments.images:
            kind = f"{arguments.clients} clients, {images} an ask"
            speeds.setdefault(kind, []).append(await served(images))
    ran = server.metrics.processed_size.values[()]
    print(f"{ran[0] / sum(ran[1]):.1f} rows a run of the server")
    clients.stdin.close()
    clients.wait()
    await server.stop()
    best = max((k for k in speeds if k.startswith("direct")), key=lambda k: statistics.median(speeds[k]))
    for kind, values in speeds.items():
        each = ", ".join(f"{value:.0f}" for value in values)
        share = statistics.median(value / of for value, of in zip(values, speeds[best], strict=True))
        print(f"{kind}: {statistics.median(values):.0f} images/s ({each}), {share:.0%} of {best}, median of turns")
    figures = {"images_per_second": speeds, "processor_shares": shares, "rows_per_run": ran[0] / sum(ran[1])}
    results.save("serving", figures, arguments)
    for images, values in shares.items():
        server_share, clients_share = map(statistics.median, zip(*values, strict=True))
        print(f"{images} an ask: the server took {server_share:.0%} of the processors, the clients {clients_share:.0%}")


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--export", default="export/sngan_mnist")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 8, 64], help="images a request")
    parser.add_argument(
        "--batches", type=int, nargs="+", default=[1, 8, 16, 32, 64], help="sizes to call directly with"
    )
    parser.add_argument("--wait", type=float, default=0, help="seconds that a batch stays open")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--clients_process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.clients_process:
        clients_process()
    else:
        from tfgan_zoo.serving.server.application import new_event_loop

        with asyncio.Runner(loop_factory=new_event_loop) as runner:  # as the server runs
            runner.run(measure(arguments))


if __name__ == "__main__":
    main()
