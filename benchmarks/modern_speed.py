"""Training speed of stylegan2 and r3gan at 64x64 beside PyTorch on the same CPU cores: equal batches, in turns.

    python -m benchmarks.modern_speed --environment=runs/peers

stylegan2 beside stylegan2-pytorch of PyPI as it comes, and r3gan beside plain PyTorch that was written for this benchmark
(`benchmarks/modern_speed_peers.py`). `--environment` is a virtual environment with both, which is made if it is missing. Each contestant is
a process that warms up and then takes its turn while the others wait. Lazy terms are due at the same intervals as in each library's own
settings, and a turn of stylegan2 is long enough to hold them.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import results, tables
from benchmarks.claims import DOCS
from benchmarks.train_step import Contestant, worker

SIZE, BATCH, PAGE = 64, 8, DOCS / "stylegan2.md"
DRIVER = Path(__file__).with_name("modern_speed_peers.py")
STEPS = {
    "stylegan2": 16,
    "r3gan": 4,
}  # a turn: stylegan2's lazy R1 is due once in 16 steps of ours, four times in theirs
# stylegan2-pytorch's generator has 32 channels at 64 pixels and its discriminator 64; each doubles as the side halves, up to 512.
# Ours has one width for both players, the larger one.
ARGUMENTS = {
    "stylegan2": {"channel_base": 4096, "channel_maximum": 512},
    "r3gan": {"channels": 128, "full_resolution": 8, "group_size": 32, "blocks": 1},
}


def ours(model, precision):
    """Returns a function that takes `n` steps."""
    import numpy as np
    import tensorflow as tf

    from tfgan_zoo.core import catalog, recipe
    from tfgan_zoo.data.pipeline import batches
    from tfgan_zoo.training.strategies import make_strategy
    from tfgan_zoo.training.trainer import Trainer

    images = np.random.default_rng(0).integers(0, 256, [512, SIZE, SIZE, 3], np.uint8)
    adam = {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.99}
    optimizers = dict.fromkeys(("generator_optimizer", "discriminator_optimizer"), adam)
    settings = recipe.parse(
        {"model": model, "steps": 10**6, "batch_size": BATCH, "precision": precision, "steps_per_call": 4, **optimizers}
    )
    build = catalog.model_module(model).build
    trainer = Trainer(settings, lambda: build((SIZE, SIZE, 3), **ARGUMENTS[model]), make_strategy("one"))
    run = trainer.compile(settings.schedule[0], 0)
    iterator = iter(batches(images, None, BATCH, seed=0))
    return lambda n: run(iterator, tf.constant(n))[0].numpy()


def check_parameters(python):
    """Raises SystemExit unless both R3GANs have the same numbers of parameters."""
    import numpy as np

    from tfgan_zoo.models import r3gan

    game = r3gan.build((SIZE, SIZE, 3), **ARGUMENTS["r3gan"])
    own = [sum(int(np.prod(v.shape)) for v in net.trainable_variables) for net in (game.generator, game.discriminator)]
    run = subprocess.run([python, DRIVER, "r3gan", "--parameters"], capture_output=True, text=True, check=True)
    if list(map(int, run.stdout.split())) != own:
        raise SystemExit(f"R3GAN in plain PyTorch has {run.stdout.strip()} parameters, ours {own}.")


def peak_memory(process):
    """The largest resident memory of a running process, in MiB; None outside of Linux."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return None
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def commands(python):
    """{contestant: command}."""
    own = [sys.executable, "-m", "benchmarks.modern_speed", "--worker"]
    return {
        "stylegan2, float32": [*own, "stylegan2:float32"],
        "stylegan2, auto": [*own, "stylegan2:auto"],
        "stylegan2-pytorch": [python, DRIVER, "stylegan2_pytorch", f"--batch={BATCH}"],
        "r3gan, float32": [*own, "r3gan:float32"],
        "r3gan, auto": [*own, "r3gan:auto"],
        "R3GAN in plain PyTorch": [python, DRIVER, "r3gan", f"--batch={BATCH}"],
    }


RATIOS = [
    ("stylegan2, float32", "stylegan2-pytorch"),
    ("stylegan2, auto", "stylegan2-pytorch"),
    ("r3gan, float32", "R3GAN in plain PyTorch"),
    ("r3gan, auto", "R3GAN in plain PyTorch"),
]


def page_text(record):
    """The Markdown of the page's section: a table of the contestants, and the ratios with their range over the rounds."""
    figures = record["figures"]
    lines = [
        f"| 64x64, batches of {BATCH} | images/s, median | images per CPU second | peak memory, MiB |",
        "|---|---|---|---|",
    ]
    for name, figure in figures["contestants"].items():
        rate, by_cpu = (statistics.median(figure[kind]) for kind in ("rates", "cpu_rates"))
        peak = f"{figure['peak_mib']:.0f}" if figure["peak_mib"] else "unknown"
        lines.append(f"| {name} | {rate:.1f} | {by_cpu:.1f} | {peak} |")
    ratios = [
        f"{name.replace(' / ', ' beside ')}: {statistics.median(of):.2f} ({min(of):.2f} to {max(of):.2f})"
        for name, of in figures["ratios"].items()
    ]
    where = (
        f"{figures['rounds']} rounds in turn on {record['hardware']}, {record['date']}, commit {record['commit'][:7]}"
    )
    return "\n".join([*lines, "", f"{where}. Ratios of images/s, median and range: {'; '.join(ratios)}."])


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--environment", type=Path, default=Path("runs/own_pictures_environment"))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(ours(*arguments.worker.split(":")), warm_up=16)
        return
    from benchmarks.own_pictures import environment

    python = environment(arguments.environment.resolve())
    check_parameters(python)
    contestants = {name: Contestant(name, list(map(str, command)), BATCH) for name, command in commands(python).items()}
    for i in range(arguments.rounds):
        for contestant in contestants.values():
            contestant.turn(STEPS["stylegan2" if contestant.name.startswith("stylegan2") else "r3gan"])
        print(f"round {i + 1}: " + ", ".join(f"{c.name} {c.rates[-1]:.1f}" for c in contestants.values()), flush=True)
    figures = {"rounds": arguments.rounds, "contestants": {}, "ratios": {}}
    for c in contestants.values():
        figures["contestants"][c.name] = {
            "rates": c.rates,
            "cpu_rates": c.cpu_rates,
            "peak_mib": peak_memory(c.process),
        }
    for one, other in RATIOS:
        figures["ratios"][f"{one} / {other}"] = [
            a / b for a, b in zip(contestants[one].rates, contestants[other].rates, strict=True)
        ]
    results.save("modern_speed", figures, arguments)
    tables.rewrite(PAGE, "modern speed", page_text(results.load("modern_speed", arguments.results)))
    for c in contestants.values():
        c.process.kill()


if __name__ == "__main__":
    main()
