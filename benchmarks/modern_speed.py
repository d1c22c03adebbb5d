"""Training speed of stylegan2 and r3gan at 64x64 beside PyTorch on the same CPU cores: equal batches, in turns.

    python -m benchmarks.modern_speed --environment=runs/peers                     every case, one after the other
    python -m benchmarks.modern_speed --environment=runs/peers --only=r3gan-32     r3gan with batches of 32

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

SIZE, PAGE = 64, DOCS / "stylegan2.md"
CASES = {"stylegan2-8": ("stylegan2", 8), "r3gan-8": ("r3gan", 8), "r3gan-32": ("r3gan", 32)}  # model and batch size
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


def ours(model, precision, batch):
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
        {
            "model": model,
            "steps": 10**6,
            "batch_size": int(batch),
            "precision": precision,
            "steps_per_call": 4,
            **optimizers,
        }
    )
    build = catalog.model_module(model).build
    trainer = Trainer(settings, lambda: build((SIZE, SIZE, 3), **ARGUMENTS[model]), make_strategy("one"))
    run = trainer.compile(settings.schedule[0], 0)
    iterator = iter(batches(images, None, int(batch), seed=0))
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


def commands(python, model, batch):
    """{contestant: command}; the last one is the peer's."""
    own = [sys.executable, "-m", "benchmarks.modern_speed", "--worker"]
    driver, peer = {
        "stylegan2": ("stylegan2_pytorch", "stylegan2-pytorch"),
        "r3gan": ("r3gan", "R3GAN in plain PyTorch"),
    }[model]
    return {
        f"{model}, float32": [*own, f"{model}:float32:{batch}"],
        f"{model}, auto": [*own, f"{model}:auto:{batch}"],
        peer: [python, DRIVER, driver, f"--batch={batch}"],
    }


def compare(case, python, arguments):
    """Times a case, and stores its figures."""
    model, batch = CASES[case]
    made = commands(python, model, batch)
    contestants = [Contestant(name, list(map(str, command)), batch) for name, command in made.items()]
    for i in range(arguments.rounds):
        for contestant in contestants:
            contestant.turn(STEPS[model])
        print(f"{case}, round {i + 1}: " + ", ".join(f"{c.name} {c.rates[-1]:.1f}" for c in contestants), flush=True)
    figures = {
        c.name: {"rates": c.rates, "cpu_rates": c.cpu_rates, "peak_mib": peak_memory(c.process)} for c in contestants
    }
    results.save(f"modern_speed/{case}", {"rounds": arguments.rounds, "contestants": figures}, arguments)
    for c in contestants:
        c.process.kill()


def page_text(records):
    """The Markdown of the page's section: a table of every contestant, beneath it the ratios with their range over the rounds.

    records: {case: what was stored of it}.
    """
    lines = ["| 64x64 | batch | images/s, median | images per CPU second | peak memory, MiB |", "|---|---|---|---|---|"]
    texts = []
    for case, record in records.items():
        batch, contestants = CASES[case][1], record["figures"]["contestants"]
        for name, figure in contestants.items():
            rate, by_cpu = (statistics.median(figure[kind]) for kind in ("rates", "cpu_rates"))
            peak = f"{figure['peak_mib']:.0f}" if figure["peak_mib"] else "unknown"
            lines.append(f"| {name} | {batch} | {rate:.1f} | {by_cpu:.1f} | {peak} |")
        *own, peer = contestants
        ratios = {
            name: [a / b for a, b in zip(contestants[name]["rates"], contestants[peer]["rates"], strict=True)]
            for name in own
        }
        listed = "; ".join(
            f"{name} {statistics.median(of):.2f} ({min(of):.2f} to {max(of):.2f})" for name, of in ratios.items()
        )
        texts.append(
            f"Batches of {batch}, times {peer}, median and range of {record['figures']['rounds']} rounds in turn: {listed} "
            f"({record['hardware']}, {record['date']}, commit {record['commit'][:7]})."
        )
    return "\n".join([*lines, *(f"\n{text}" for text in texts)])


def stored(folder=results.FOLDER):
    """{case: its record} of those that have been run."""
    records = {case: results.load(f"modern_speed/{case}", folder) for case in CASES}
    return {case: record for case, record in records.items() if record}


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--environment", type=Path, default=Path("runs/own_pictures_environment"))
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(ours(*arguments.worker.split(":")), warm_up=16)
        return
    from benchmarks.own_pictures import environment

    python = environment(arguments.environment.resolve())
    check_parameters(python)
    for case in [arguments.only] if arguments.only else CASES:
        compare(case, python, arguments)
    tables.rewrite(PAGE, "modern speed", page_text(stored(arguments.results)))


if __name__ == "__main__":
    main()
