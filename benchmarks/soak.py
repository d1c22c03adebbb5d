"""Minutes of mixed load on the embedded server: good clients, hot swaps, broken versions, and hostile requests.

    python -m benchmarks.soak --seconds=600
    python -m benchmarks.soak --seconds=60 --results=elsewhere    to try it: docs/server.md stays as it is

A zoo of two generators is served in a process of its own. `steady` keeps its version, but its folder is away for half a second every
--swap_seconds, between two renames; of `swapped` a new version comes as often, in turn of one generator and of another, and the
old one goes; every third is broken. Meanwhile clients over gRPC and REST, some from pages of another origin, ask both for images, and
compare each with what `tf.saved_model.load` gave for its seed; others send what no server wants, NaN, or headers without an end. Ends
with 1 where a good request failed or got a wrong image, where a bad one got another status than it should, where a broken version was
served, or where the server's memory grew. The figures of a run with the default --results are written into docs/server.md.
"""

import asyncio
import collections
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import results, tables
from benchmarks.serving import predict_request
from benchmarks.strangers import ORIGIN, strangers

SEEDS = 256  # of which images are asked for
PAGE = results.ROOT / "docs" / "server.md"  # whose table states the results
# Of a folder between two renames: the server, which checks every second, often finds it gone, but never twice.
AWAY_SECONDS = 0.5
GROWTH = 1.05  # of the memory's maximum in the last quarter over that in the second: above, it is said to grow


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

    def replace(self):
        """Replaces the folder of `steady` by two renames, between which it is away."""
        beside = self.folder / ".steady-aside"
        (self.folder / "steady").rename(beside)
        time.sleep(AWAY_SECONDS)
        beside.rename(self.folder / "steady")

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
            headers = chance.choice([{}, {"Origin": ORIGIN}])
            url = f"http://{rest_address}/v1/models/{model}:predict"
            async with session.post(url, json=body, headers=headers) as reply:
                answer = await reply.json()
            if reply.status != 200:
                tally.wrong.append(f"REST: {reply.status}: {answer}")
                continue
            if headers and reply.headers.get("Access-Control-Allow-Origin") != "*":
                tally.wrong.append("REST: a page of another origin may not read the reply")
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
            await asyncio.to_thread(zoo.replace)

    async with grpc.aio.insecure_channel(grpc_address) as channel, aiohttp.ClientSession() as session:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        work = [by_grpc(stub, random.Random(i)) for i in range(args.clients)]
        work += [by_rest(session, random.Random(-i)) for i in range(1, 1 + args.clients // 8)]
        await asyncio.gather(*work, swap())


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
    command += [
        "--rest_api_enable_cors_support",
        "--enable_serialization_as_tensor_content",
    ]  # as the deployment files set it
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


def figures_of(tally, zoo, known):
    """What is stored of a run."""
    return {
        "good": dict(tally.good),
        "statuses": {kind: dict(counts.most_common()) for kind, counts in tally.statuses.items()},
        "versions": {"published": zoo.swaps, "broken": len(zoo.broken), "known broken": known},
        "memory": {"maximum": max(used for _, used in tally.memory), "growth": tally.growth()},
        "wrong": dict(collections.Counter(tally.wrong).most_common()),
    }


def table(figures):
    """The lines of Markdown that state a run's figures."""
    wrong = sum(figures["wrong"].values())
    lines = ["| requests | answers |", "|---|---|"]
    for kind, count in figures["good"].items():
        lines.append(f"| valid, {kind} | {count:,} with the right images |")
    for kind, counts in figures["statuses"].items():
        lines.append(f"| {kind} | {', '.join(f'{count:,} times {status}' for status, count in counts.items())} |")
    versions, memory = figures["versions"], figures["memory"]
    return [
        *lines,
        "",
        f"{wrong:,} answer{'s were' if wrong != 1 else ' was'} wrong. {versions['published']} versions were published, {versions['broken']} of them broken. "
        f"Memory peaked at {memory['maximum'] / 2**20:,.0f} MiB; the",
        f"peak in the last quarter was {memory['growth']:.3f} times that in the second.",
    ]


def report(figures):
    """Prints what came of it all; whether all was well."""
    print("\n".join(["", *table(figures)]))
    versions = figures["versions"]
    print(f"The server knew {versions['known broken']} of the {versions['broken']} broken versions at the end.")
    for line, count in list(figures["wrong"].items())[:20]:
        print(f"  {count} x {line}")
    return not figures["wrong"]


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--exports", nargs=2, default=["export/sngan_mnist/1", "export/wgan_gp_mnist/1"])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--swap_seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32, help="over gRPC, and an eighth of it over REST")
    args = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)  # so that a pixel does not differ by its batch
    with tempfile.TemporaryDirectory() as folder:
        tally, zoo, known = asyncio.run(soak(args, Path(folder)))
    if tally.growth() > GROWTH:
        tally.wrong.append(f"memory grew: {tally.growth():.3f}, expected at most {GROWTH}")
    figures = figures_of(tally, zoo, known)
    results.save("soak", figures, args)
    if args.results == results.FOLDER:
        tables.rewrite(PAGE, "soak", "\n".join(table(figures)))
    return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
