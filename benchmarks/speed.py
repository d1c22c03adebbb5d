"""What users wait for, at an earlier commit and now, in turn in one run: times as fast, with the spread.

    python -m benchmarks.speed --against=COMMIT
    python -m benchmarks.speed --against=COMMIT --only=first_step,frechet_intervals --rounds=9
    python -m benchmarks.speed --write            measures nothing: the table of docs/speed.md from the stored results

Each commit runs in a process of its own, and the two take turns. The ratio of a round is that of the times by the clock, or of the
CPU times, which other work on the machine disturbs less. What is measured is added to benchmarks/results/speed.json.
"""

import asyncio
import contextlib
import dataclasses
import functools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import results, serving, tables, two_commits
from benchmarks.results import ROOT
from benchmarks.two_commits import ALONE

PAGE = ROOT / "docs" / "speed.md"
# Ten steps of a recipe, as the loop takes them: both players' updates, Adam and the moving average.
STEPS = """
import sys
import numpy as np
import tensorflow as tf
from tfgan_zoo.core import catalog, recipe
from tfgan_zoo.runs.building import game_builder
from tfgan_zoo.training.strategies import make_strategy
from tfgan_zoo.training.trainer import Trainer

model, preset, *changes = sys.argv[1:]
settings = recipe.parse(recipe.override({"model": model, **catalog.preset_table(model, preset)}, changes))
channels, side, stage = settings.data.channels or 1, settings.data.resolution, settings.schedule[-1]
trainer = Trainer(settings, game_builder(settings, (side, side, channels), 10), make_strategy("one"))
images = np.random.default_rng(0).uniform(-1, 1, [stage.batch_size, side, side, channels]).astype("float32")
batch = {"images": images, "labels": (np.arange(stage.batch_size) % 10).astype("int32")}
iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
first = sum(s.steps for s in settings.schedule[:-1])
trainer.step.assign(first)
run = trainer.compile(stage, first)

def turn():
    run(iterator, tf.constant(10))[0].numpy()
"""
FRECHET_INTERVALS = """
import sys
import numpy as np
from tfgan_zoo.metrics import distances

count, dimension = map(int, sys.argv[1:])
random = np.random.default_rng(0)
mixing = random.normal(size=[64, dimension]) / 8
real, fake = (
    (np.maximum(random.normal(shift, 1, [count, 64]) @ mixing, 0) + random.random([count, dimension]) / 10).astype("float32")
    for shift in (0, 0.1)
)

def turn():
    random = np.random.default_rng(0)
    if hasattr(distances, "frechet_contributions"):
        from tfgan_zoo.metrics.generator_scores import frechet_resamples

        resample = frechet_resamples(0, real, fake)
    else:
        resample = distances.resampled_frechet_distance(real, fake)
    for _ in range(200):
        resample(random)
"""
# Batches of a memory-mapped file of pictures (1 GB), mirrored at random; the file is made beforehand, in a temporary folder.
PIPELINE = """
import sys
import tempfile
import numpy as np
from tfgan_zoo.data.pipeline import batches

count, side = map(int, sys.argv[1:])
folder = tempfile.TemporaryDirectory()
images = np.lib.format.open_memmap(f"{folder.name}/images.npy", "w+", np.uint8, (count, side, side, 3))
for start in range(0, count, 1000):
    images[start : start + 1000] = np.random.default_rng(start).integers(0, 256, [1, side, side, 3], np.uint8)
images.flush()
images = np.load(f"{folder.name}/images.npy", mmap_mode="r")
iterator = iter(batches(images, None, 64, seed=0, flip=True))

def turn():
    for _ in range(200):
        next(iterator)
"""


# Batches of a set that a folder of PNG files was decoded into beforehand: the cache that `--data=DIR` makes, or a pyramid.
DECODED = """
import sys
import tempfile
from pathlib import Path
import numpy as np
from PIL import Image
from tfgan_zoo.core.recipe_tables import DataSettings
from tfgan_zoo.data.pipeline import batches
from tfgan_zoo.data.prepare import prepare
from tfgan_zoo.data.sources import load_source

kind, count, side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
temporary = tempfile.TemporaryDirectory()
pictures, cache, pyramid = (Path(temporary.name) / name for name in ("pictures", "cache", "pyramid"))
pictures.mkdir()
random = np.random.default_rng(0)
for i in range(count):
    coarse = random.integers(0, 256, [side // 8, side // 8, 3], np.uint8)
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(pictures / f"{i:05}.png")
settings = {"source": f"folder:{pictures}", "resolution": side, "cache_dir": str(cache), "memory_limit_mb": 1}
if kind == "pyramid":
    prepare(DataSettings(**settings), pyramid, [side // 2, side], tell=lambda line: None)
    source = load_source(DataSettings(source=f"pyramid:{pyramid}")).at(side)
else:
    source = load_source(DataSettings(**settings))
iterator = iter(batches(source.images, source.labels, 64, seed=0, flip=True))

def turn():
    for _ in range(50):
        next(iterator)
"""
# How much longer `save` and the next update take than the update alone.
STALL = """
import json
import sys
import tempfile
import time
import numpy as np
import tensorflow as tf
from tfgan_zoo.training.checkpoints import Checkpoints

background, megabytes = map(int, sys.argv[1:])
variables = {f"weight {i}": tf.Variable(tf.fill([2**24], float(i))) for i in range(megabytes // 64)}

@tf.function
def update():
    for variable in variables.values():
        variable.assign_add(tf.ones_like(variable))

def timed(*functions):
    start = time.perf_counter(), time.process_time()
    for function in functions:
        function()
    return np.array([time.perf_counter() - start[0], time.process_time() - start[1]])

with tempfile.TemporaryDirectory() as folder:
    checkpoints = Checkpoints(folder, variables, keep=1, background=background)
    for step in range(2):  # the first warms up
        timed(update)
        alone = timed(update)
        longer = timed(lambda: checkpoints.save(step), update) - alone
        checkpoints.finish()
print(json.dumps(list(longer)))
"""


def trained(checkout, until, *flags):
    """(by the clock, of CPU) from the command of a training to the line that begins with `until`, or to its end if that is None."""
    with tempfile.TemporaryDirectory() as folder:
        program = ALONE + "import runpy; runpy.run_module('tfgan_zoo.train', run_name='__main__', alter_sys=True)"
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", program, *flags, f"--workdir={folder}/run"],
            cwd=checkout,
            env=two_commits.environment_of(checkout),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        reached = any(until and line.startswith(until) for line in process.stderr)
        seconds = time.perf_counter() - start
        if reached:
            process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        if not reached and (until or status):
            raise SystemExit(f"train {' '.join(flags)} does not work in {checkout}")
    return seconds, usage.ru_utime + usage.ru_stime


def first_step(checkout):
    """(by the clock, of CPU) from the command to the first progress line of the quickstart of sngan."""
    return trained(checkout, "step 1/", "--model=sngan", "--set=steps_per_call=1", "--set=steps=1")


def in_turns(earlier, rounds, function):
    """[(seconds before, now)] by the clock, and likewise of CPU, of function(checkout) -> (clock, CPU)."""
    times = [[function(checkout) for checkout in (earlier, ROOT)] for _ in range(rounds)]
    return tuple([(before[i], now[i]) for before, now in times] for i in (0, 1))


def stall(checkout, megabytes=2048):
    """(by the clock, of CPU) of `STALL`: in the foreground in an earlier checkout, in the background in this one."""
    command = [sys.executable, "-c", ALONE + STALL, str(int(checkout == ROOT)), str(megabytes)]
    environment = two_commits.environment_of(checkout)
    return json.loads(
        subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    )


@contextlib.contextmanager
def server_of(checkout, export):
    """A context with (process, port of gRPC, port of REST) of a checkout's embedded server of one export."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "models.config"
        config.write_text(
            f'model_config_list {{ config {{ name: "{export.name}" base_path: "{export}" model_platform: "tensorflow" }} }}'
        )
        program = ALONE + "import runpy; runpy.run_module('tfgan_zoo.serve', run_name='__main__', alter_sys=True)"
        flags = [f"--model_config_file={config}", "--port=0", "--rest_api_port=0"]
        flags += ["--enable_serialization_as_tensor_content"]  # as the deployment files have it
        process = subprocess.Popen(
            [sys.executable, "-c", program, *flags],
            cwd=checkout,
            env=two_commits.environment_of(checkout),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            addresses = []
            for line in process.stdout:
                if match := re.match(r"(?:gRPC|REST): .*:(\d+)", line):
                    addresses.append(int(match[1]))
                if len(addresses) == 2:
                    break
            else:
                raise SystemExit(f"the server of {checkout} does not start")
            yield process, *addresses
        finally:
            process.terminate()
            process.wait()


async def ask_rest(port, name, clients, seconds):
    """Requests a second that clients get over REST in so many seconds, after a quarter as many to get under way. As `serving.ask`."""
    import aiohttp

    start, answered = time.perf_counter() + seconds / 4, 0
    url = f"http://127.0.0.1:{port}/v1/models/{name}:predict"

    async def client(session, seed):
        nonlocal answered
        body = json.dumps({"signature_name": "sample", "inputs": {"seed": [seed], "truncation": [1e30]}})
        while time.perf_counter() < start + seconds:
            async with session.post(url, data=body) as reply:
                await reply.read()
                reply.raise_for_status()
            answered += start <= time.perf_counter() < start + seconds

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(client(session, seed) for seed in range(clients)))
    return answered / seconds


def requests(earlier, rounds, rest=False, clients=64, seconds=4):
    """As `in_turns`: seconds a request of the embedded server, of one image, by the clock and of the server's CPU."""
    export, ticks = ROOT / "export" / "sngan_mnist", os.sysconf("SC_CLK_TCK")

    def cpu(process):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks  # of user and system

    def asked(process, port, rest_port):
        before, start = cpu(process), time.perf_counter()
        if rest:
            asking = ask_rest(rest_port, export.name, clients, seconds)
        else:
            asking = serving.ask(f"127.0.0.1:{port}", export.name, serving.UNCONDITIONAL, clients, 1, seconds)
        speed = asyncio.run(asking)
        return 1 / speed, (cpu(process) - before) / (speed * (time.perf_counter() - start))

    with server_of(earlier, export) as before, server_of(ROOT, export) as now:
        asked(*before), asked(*now)
        times = [[asked(*server) for server in (before, now)] for _ in range(rounds)]
    return tuple([(before[i], now[i]) for before, now in times] for i in (0, 1))


@dataclasses.dataclass(frozen=True)
class Measured:
    """One row of the table.

    Attributes:
        title: what it is.
        code, arguments: run by a `two_commits.Session`; or
        function: (earlier checkout, rounds) -> what `in_turns` returns.
        count, unit: how many a turn delivers of what; 0 if that says nothing.
    """

    title: str
    code: str = ""
    arguments: tuple[str, ...] = ()
    function: Callable | None = None
    count: int = 0
    unit: str = "images"


MEASURED = {
    "first_step": Measured(
        "`train --model=sngan`, from the command to the first step",
        function=functools.partial(in_turns, function=first_step),
    ),
    "quickstart": Measured(
        "`train --model=sngan`, from the command to the end",
        function=functools.partial(in_turns, function=lambda checkout: trained(checkout, None, "--model=sngan")),
    ),
    **{
        f"step_{model}": Measured(f"a step of {title}", STEPS, arguments)
        for model, title, arguments in (
            ("sngan", "`sngan`", ("sngan", "quickstart")),
            ("wgan_gp", "`wgan_gp`", ("wgan_gp", "quickstart")),
            ("dragan", "`dragan`", ("dragan", "quickstart")),
            ("r1", "`biggan` with R1", ("biggan", "quickstart", "arguments.r1=10")),
            ("pggan", "`pggan`, its last stage", ("pggan", "quickstart")),
            ("stylegan2", "`stylegan2`", ("stylegan2", "quickstart")),
        )
    },
    "pipeline": Measured(
        "the input pipeline alone: a memory-mapped set of 20,000 pictures at 128 x 128, mirrored",
        PIPELINE,
        ("20000", "128"),
        count=200 * 64,
    ),
    "pipeline_large": Measured("the same of 200,000 pictures (9.8 GB)", PIPELINE, ("200000", "128"), count=200 * 64),
    "pipeline_folder": Measured(
        "the same of a folder of 2,000 pictures, from its cache", DECODED, ("folder", "2000", "128"), count=50 * 64
    ),
    "pipeline_pyramid": Measured(
        "the same of a pyramid of 2,000 pictures", DECODED, ("pyramid", "2000", "128"), count=50 * 64
    ),
    "stall": Measured(
        "how much later a step ends that saves 2 GiB of state: in the foreground then (not the default), in the background now",
        function=functools.partial(in_turns, function=stall),
    ),
    "requests": Measured(
        "a request of one image to the embedded server, 64 clients, gRPC", function=requests, unit="requests", count=1
    ),
    "requests_rest": Measured(
        "the same over REST", function=functools.partial(requests, rest=True), unit="requests", count=1
    ),
    "frechet_intervals": Measured(
        "200 resamples of a Fréchet distance, 1,000 images of 2,048 dimensions", FRECHET_INTERVALS, ("1000", "2048")
    ),
}


def measure(name, earlier, rounds):
    """([(seconds before, now)] by the clock, likewise of CPU)."""
    measured = MEASURED[name]
    if measured.function:
        return measured.function(earlier, rounds)
    return two_commits.in_turn(earlier, rounds, measured.code, *measured.arguments)


def table(figures):
    """The Markdown table of what has been measured."""
    lines = [
        "| quickstarts on one machine, before and now | times as fast, by the clock | by CPU time | against |",
        "|---|---|---|---|",
    ]
    for name, measured in MEASURED.items():
        if name in figures:
            clock, cpu = (
                "{:.2f} ({:.2f} to {:.2f})".format(*two_commits.ratio(figures[name][kind])) for kind in ("clock", "cpu")
            )
            title = measured.title
            if measured.count:
                seconds = statistics.median(now for _, now in figures[name]["clock"])
                title += f": {measured.count / seconds:,.0f} {measured.unit}/s now"
            lines.append(f"| {title} | {clock} | {cpu} | {figures[name]['against'][:7]} |")
    return "\n".join(lines)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--against", help="the earlier commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(MEASURED), help="names by commas: " + ", ".join(MEASURED))
    parser.add_argument("--write", action="store_true", help="write the table of docs/speed.md and measure nothing")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    if unknown := set(names) - set(MEASURED):
        parser.error(f"--only={','.join(sorted(unknown))}: known are {', '.join(MEASURED)}")
    if bool(arguments.against) == arguments.write:
        parser.error("give --against=COMMIT, or --write.")
    record = results.load("speed", arguments.results)
    figures = record["figures"] if record else {}
    if arguments.against:
        against = two_commits.full_hash(arguments.against)
        with two_commits.checkout_of(against) as earlier:
            for name in names:
                clock, cpu = measure(name, earlier, arguments.rounds)
                figures[name] = {"clock": clock, "cpu": cpu, "against": against, **results.origin()}
                print(table({name: figures[name]}).splitlines()[-1], flush=True)
                results.save("speed", figures, arguments)
    tables.rewrite(PAGE, "speed", table(figures))


if __name__ == "__main__":
    main()
