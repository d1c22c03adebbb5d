"""Training speed of SNGAN-32 at the paper's width (G 256, D 128), batch 64, one D and one G step: ours beside torch-mimicry.

    python -m benchmarks.train_step

Each contestant is a process of its own that warms up and then takes its turn, round after round, while the others wait:
all see the same machine at the same time. Ours also keeps its moving average, which mimicry has none of.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
import time

from benchmarks import results

BATCH = 64


def ours(precision, channels=None):
    """Returns a function that takes `n` steps; channels: width of both players, the published ones where left out."""
    import numpy as np
    import tensorflow as tf

    from tfgan_zoo.core import recipe
    from tfgan_zoo.data.pipeline import batches
    from tfgan_zoo.models import sngan
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    images = np.random.default_rng(0).integers(0, 256, [1024, 32, 32, 3], np.uint8)
    settings = recipe.parse({"model": "sngan", "steps": 10**6, "batch_size": BATCH, "precision": precision})

    def build():
        return sngan.build((32, 32, 3), generator_channels=channels, discriminator_channels=channels)

    trainer = Trainer(settings, build, make_strategy("one"))
    run = trainer.compile(settings.schedule[0], 0)
    iterator = iter(batches(images, None, BATCH, seed=0))
    return lambda n: run(iterator, tf.constant(n))[0].numpy()


def mimicry(best):
    """Returns a function that takes `n` of mimicry's own steps; `best`: bfloat16 autocast and channels_last."""
    import types

    import torch

    try:
        import torchvision  # noqa: F401
    except ImportError:  # mimicry imports it for pictures and data sets, neither of which is used here
        for name in ("torchvision", "torchvision.utils", "torchvision.datasets", "torchvision.transforms"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["torchvision"].utils = sys.modules["torchvision.utils"]
        sys.modules["torchvision"].datasets = sys.modules["torchvision.datasets"]
        sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    for name in ("torch_mimicry.metrics", "torch_mimicry.datasets"):  # TF 1 graphs and lmdb: neither is used here
        sys.modules[name] = types.ModuleType(name)
    from torch_mimicry.nets.sngan.sngan_32 import SNGANDiscriminator32, SNGANGenerator32
    from torch_mimicry.training.metric_log import MetricLog

    torch.manual_seed(0)
    generator, discriminator = SNGANGenerator32(), SNGANDiscriminator32()
    real = torch.rand(BATCH, 3, 32, 32) * 2 - 1
    if best:
        generator, discriminator = (n.to(memory_format=torch.channels_last) for n in (generator, discriminator))
        real = real.contiguous(memory_format=torch.channels_last)
    optimizers = [torch.optim.Adam(n.parameters(), 2e-4, betas=(0.0, 0.9)) for n in (generator, discriminator)]
    batch = (real, torch.zeros(BATCH, dtype=torch.long))

    def steps(n):
        for _ in range(n):
            with torch.autocast("cpu", torch.bfloat16, enabled=best):
                log = MetricLog()
                discriminator.train_step(
                    real_batch=batch, netG=generator, optD=optimizers[1], log_data=log, device="cpu", global_step=0
                )
                generator.train_step(
                    real_batch=batch, netD=discriminator, optG=optimizers[0], log_data=log, device="cpu", global_step=0
                )

    return steps


CONTESTANTS = {
    "ours float32": lambda: ours("float32"),
    "ours bfloat16": lambda: ours("mixed_bfloat16"),
    "mimicry as shipped": lambda: mimicry(best=False),
    "mimicry at its best": lambda: mimicry(best=True),
}


def worker(steps, warm_up=3):
    """Warms up, then reads a number of steps a line and prints the seconds that they took, by the clock and by the CPU."""
    steps(warm_up)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter(), time.process_time()
        steps(int(line))
        print(time.perf_counter() - start[0], time.process_time() - start[1], flush=True)


class Contestant:
    """A worker process, as its driver sees it."""

    def __init__(self, name, command=None, batch=BATCH):
        self.name, self.batch, self.rates, self.cpu_rates = name, batch, [], []
        command = command or [sys.executable, "-m", "benchmarks.train_step", "--worker", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name} does not start; run: {shlex.join(map(str, command))}")

    def turn(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        clock, cpu = map(float, self.process.stdout.readline().split())
        self.rates.append(steps * self.batch / clock)
        self.cpu_rates.append(steps * self.batch / cpu)


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="steps a turn")
    parser.add_argument("--worker", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(CONTESTANTS[arguments.worker]())
        return
    contestants = {name: Contestant(name) for name in CONTESTANTS}
    for i in range(arguments.rounds):
        for contestant in contestants.values():
            contestant.turn(arguments.steps)
        print(f"round {i + 1}: " + ", ".join(f"{c.name} {c.rates[-1]:.1f}" for c in contestants.values()), flush=True)
    print(
        "\n| SNGAN-32, G 256, D 128, batch 64 | images/s, median | best | images a CPU second, median |\n|---|---|---|---|"
    )
    for c in contestants.values():
        cells = statistics.median(c.rates), max(c.rates), statistics.median(c.cpu_rates)
        print(f"| {c.name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")
    figures = {"rounds": arguments.rounds, "contestants": {}, "ratios": {}}
    for c in contestants.values():
        figures["contestants"][c.name] = {
            "median": statistics.median(c.rates),
            "best": max(c.rates),
            "per_cpu_second": statistics.median(c.cpu_rates),
            "rates": c.rates,
        }
    pairs = {"float32": ("ours float32", "mimicry as shipped"), "bfloat16": ("ours bfloat16", "mimicry at its best")}
    for precision, pair in pairs.items():
        one, other = (contestants[name] for name in pair)
        ratios = [a / b for a, b in zip(one.rates, other.rates, strict=True)]
        cpu = statistics.median(one.cpu_rates) / statistics.median(other.cpu_rates)
        best = max(one.rates) / max(other.rates)
        print(
            f"{one.name} / {other.name}: median of rounds {statistics.median(ratios):.2f}, from {min(ratios):.2f} to "
            f"{max(ratios):.2f}; best against best {best:.2f}; by CPU time {cpu:.2f}"
        )
        figures["ratios"][precision] = {
            "median": statistics.median(ratios),
            "least": min(ratios),
            "most": max(ratios),
            "best_against_best": best,
            "by_cpu_time": cpu,
        }
    results.save("train_step", figures, arguments)
    for c in contestants.values():
        c.process.kill()


if __name__ == "__main__":
    main()
