"""Minutes of mixed load on the embedded server: good clients, hot swaps, broken versions, and hostile requests.

    python -m benchmarks.soak --seconds=600

A zoo of two generators is served in a process of its own. `steady` stays as it is; of `swapped` a new version comes every
--swap_seconds, in turn of one generator and of another, and the old one goes; every third is broken. Meanwhile clients over
gRPC and REST ask both for images, and compare each with what `tf.saved_model.load` gave for its seed; others send what no
server wants. Ends with 1 where a good request failed or got a wrong image, where a bad one got another status than it should,
where a broken version was served, or where the server's memory grew.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.serving import predict_request

SEEDS = 256  # of which images are asked for
GROWTH = 1.05  # of the memory's maximum in the last quarter over that in the second: above, it is said to grow
PARSED = {"INTERNAL", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}  # what bytes at random may get


class Tally:
    """What came of all requests. Attributes: good, statuses: counts; wrong: lines; memory: [(seconds, bytes)]."""

    def __init__(self):
        self.good, self.statuses = collections.Counter(), collections.defaultdict(collections.Counter)
        self.wrong, self.memory = [], []

    def bad(self, kind, status, expected):
        self.statuses[kind][status] += 1
        if status not in expected:
            self.wrong.append(f"{kind}: {status}, expected {' or '.join(sorted(expected))}")

    def growth(self):
        """The maximum of the memory in the last quarter of the time over that in the second quarter."""
        last = self.memory[-1][0]
        maximum = [0] * 4
        for seconds, used in self.memory:
            quarter = min(int(4 * seconds / last), 3)
            maximum[quarter] = max(maximum[quarter], used)
        return maximum[3] / maximum[1]


def images_of(folder):
    """uint8 [SEEDS, H, W, C] of an export, as `tf.saved_model.load` gives them."""
    import tensorflow as tf

    sample = tf.saved_model.load(str(folder)).signatures["sample"]
    inputs = {"seed": tf.range(SEEDS, dtype=tf.int64), "truncation": tf.fill([SEEDS], float("inf"))}
    parts = [{name: value[i : i + 64] for name, value in inputs.items()} for i in range(0, SEEDS, 64)]
    return np.concatenate([sample(**part)["images"].numpy() for part in parts])


class Zoo:
    """The served folder. Attributes: images: {model: {version: the images that it should give}}; broken: their numbers."""

    def __init__(self, folder, exports):
        self.folder, self.exports = folder, exports
        self.known = [images_of(export) for export in exports]
        self.images, self.broken = {"steady": {}, "swapped": {}}, []
        self.newest, self.swaps = 0, 0
        self.put("steady", 1, 0)
        self.swap()

    def put(self, model, version, which, broken=False):
        """Copies an export beside the model and renames it into place, as an export is written."""
        beside = self.folder / f".{model}-{version}"
        shutil.copytree(self.exports[which], beside)
        if broken:
            program = beside / "saved_model.pb"
            program.write_bytes(program.read_bytes()[:-100])
            self.broken.append(version)
        else:
            self.images[model][version] = self.known[which]
        (self.folder / model).mkdir(exist_ok=True)
        beside.rename(self.folder / model / str(version))

    def swap(self):
        """A new version of `swapped`; what is older than the good one before it goes."""
        self.newest += 1
        self.put("swapped", self.newest, self.newest % 2, broken=self.newest % 3 == 0)
        self.swaps += 1
        good = sorted(self.images["swapped"])
        for path in (self.folder / "swapped").iterdir():
            if int(path.name) < good[-min(2, len(good))]:
                shutil.rmtree(path)


async def clients(zoo, tally, grpc_address, rest_address, until, args):
    """All that is good, and the swaps."""
    import aiohttp
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    def compare(kind, model, version, seeds, images):
        if version in zoo.images[model] and np.array_equal(images, zoo.images[model][version][seeds]):
            tally.good[kind] += 1
        else:
            tally.wrong.append(f"{kind}: other images than of {model} version {version} for seeds {seeds}")

    async def by_grpc(stub, chance):
        while time.monotonic() < until:
            model, seeds = (
                chance.choice(["steady", "swapped"]),
                chance.sample(range(SEEDS), chance.choice([1, 1, 3, 16])),
            )
            try:
                reply = await stub.Predict(predict_request(model, np.array(seeds)), timeout=60)
            except grpc.RpcError as error:
                tally.wrong.append(f"gRPC: {error.code().name}: {error.details()}")
                continue
            images = tf.make_ndarray(reply.outputs["images"])
            compare("gRPC", model, reply.model_spec.version.value, seeds, images)

    async def by_rest(session, chance):
        while time.monotonic() < until:
            model, seeds = chance.choice(["steady", "swapped"]), chance.sample(range(SEEDS), 4)
            body = {"signature_name": "sample", "inputs": {"seed": seeds, "truncation": [1e30] * len(seeds)}}
            reply = await session.post(f"http://{rest_address}/v1/models/{model}:predict", json=body)
            answer = await reply.json()
            if reply.status != 200:
                tally.wrong.append(f"REST: {reply.status}: {answer}")
                continue
            # REST does not tell the version: any that was there will do.
            images = np.array(answer["outputs"], np.uint8)
            versions = [
                v for v, all_images in list(zoo.images[model].items()) if np.array_equal(images, all_images[seeds])
            ]
            compare("REST", model, versions[-1] if versions else None, seeds, images)

    async def swap():
        while time.monotonic() + args.swap_seconds < until:
            await asyncio.sleep(args.swap_seconds)
            await asyncio.to_thread(zoo.swap)

    async with grpc.aio.insecure_channel(grpc_address) as channel, aiohttp.ClientSession() as session:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        work = [by_grpc(stub, random.Random(i)) for i in range(args.clients)]
        work += [by_rest(session, random.Random(-i)) for i in range(1, 1 + args.clients // 8)]
        await asyncio.gather(*work, swap())


def hostile_requests(chance):
    """{kind: (method, bytes, timeout, statuses that it may get)} of one round."""
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
    "REST, an unknown model": ("no:predict", b'{"instances": [1]}', 404),
    "REST, 5 MiB": ("steady:predict", b" " * 5 * 2**20, 413),
}


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

    post = b"POST /v1/models/steady:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    slow = [
        (grpc_address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (grpc_address, chance.randbytes(60)),
        (rest_address, post),
    ]
    await asyncio.gather(wrong_requests(), *(drop_by_drop(*each) for each in slow * 4))


async def watch(process, tally, zoo, until):
    """The server's memory each second, and a line every half a minute."""
    start, said = time.monotonic(), 0
    while time.monotonic() < until:
        pages = Path(f"/proc/{process.pid}/status").read_text()
        tally.memory.append((time.monotonic() - start, int(re.search(r"VmRSS:\s+(\d+)", pages)[1]) * 1024))
        seconds, used = tally.memory[-1]
        if seconds >= said:
            said += 30
            bad = sum(sum(counts.values()) for counts in tally.statuses.values())
            print(
                f"{seconds:4.0f} s  {sum(tally.good.values())} good  {bad} bad  {zoo.swaps} versions  "
                f"{used / 2**20:.0f} MiB  {len(tally.wrong)} wrong",
                flush=True,
            )
        await asyncio.sleep(1)


async def broken_served(zoo, grpc_address):
    """Lines on broken versions that are in another state than END, and the count of those known."""
    from tfgan_zoo.serving import AsyncClient

    async with AsyncClient(grpc_address) as client:
        states = await client.status("swapped")
    known = [version for version in zoo.broken if version in states]
    return [f"broken version {v} is {states[v][0]}" for v in known if states[v][0] != "END"], len(known)


async def soak(args, folder):
    tally, zoo = Tally(), await asyncio.to_thread(Zoo, folder, [Path(export) for export in args.exports])
    command = ["-m", "tfgan_zoo.serve", f"--zoo={folder}", "--port=0", "--rest_api_port=0"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=pipe)
    addresses = {}
    while "REST" not in addresses:
        line = (await process.stdout.readline()).decode()
        if not line:
            raise SystemExit("The server did not start.")
        addresses |= dict(re.findall(r"(gRPC|REST): (?:http://)?([\d.:]+)", line))
    log = asyncio.create_task(process.stdout.read())
    grpc_address, rest_address = addresses["gRPC"], addresses["REST"]
    until = time.monotonic() + args.seconds
    try:
        await asyncio.gather(
            clients(zoo, tally, grpc_address, rest_address, until, args),
            strangers(tally, grpc_address, rest_address, until),
            watch(process, tally, zoo, until),
        )
        broken, known = await broken_served(zoo, grpc_address)
        tally.wrong += broken
    finally:
        process.terminate()
    if await process.wait():
        tally.wrong.append(f"the server ended with {process.returncode}")
    await log
    return tally, zoo, known


def report(tally, zoo, known):
    """Prints what came of it all; whether all was well."""
    print("\n| requests | statuses |\n|---|---|")
    for kind, count in tally.good.items():
        print(f"| good, {kind} | {count:,} with the right images |")
    for kind, counts in tally.statuses.items():
        print(f"| {kind} | {', '.join(f'{count:,} {status}' for status, count in counts.most_common())} |")
    growth = tally.growth()
    print(
        f"\n{zoo.swaps} versions of one model, {len(zoo.broken)} of them broken; the server knew {known} of those at the end."
    )
    print(
        f"Memory: {max(used for _, used in tally.memory) / 2**20:.0f} MiB at most; the last quarter's maximum is {growth:.3f} times the second's."
    )
    if growth > GROWTH:
        tally.wrong.append(f"memory grew: {growth:.3f}, expected at most {GROWTH}")
    print(f"{len(tally.wrong)} went wrong.")
    for line, count in collections.Counter(tally.wrong).most_common(20):
        print(f"  {count} x {line}")
    return not tally.wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", nargs=2, default=["export/sngan_mnist/1", "export/wgan_gp_mnist/1"])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--swap_seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32, help="over gRPC, and an eighth of it over REST")
    parser.add_argument("--to", help="a file for the figures, as JSON")
    args = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)  # so that a pixel does not differ by its batch
    with tempfile.TemporaryDirectory() as folder:
        tally, zoo, known = asyncio.run(soak(args, Path(folder)))
    well = report(tally, zoo, known)
    if args.to:
        figures = {"good": tally.good, "statuses": tally.statuses, "wrong": tally.wrong, "memory": tally.memory}
        Path(args.to).write_text(json.dumps(figures))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
