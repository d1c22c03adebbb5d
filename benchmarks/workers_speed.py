"""Images per second of SNGAN on one device, on two replicas of one process and on two workers, on the same cores.

    python -m benchmarks.workers_speed --rounds=3

The quickstart in float32, with the channels of `--channels`, as small and as wide networks. All ways share the cores that the process may use:
one device has all of them, two workers half of them each. They take turns, round after round; a run's speed is the median
over its pauses, after the first two, which hold tracing. Prints each way's share of the speed of one device, by round.
"""

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import results

WAYS = {
    "one": ("train", "--strategy=one"),
    "mirrored:2": ("train", "--strategy=mirrored:2"),
    "two workers": ("launch", "--workers=2", "--", "train"),
}


def speed(way, channels, steps, folder):
    """Images per second of a run of so many pauses of 5 steps."""
    from tfgan_zoo.html_report.event_history import read_history

    shutil.rmtree(folder, ignore_errors=True)
    changes = (
        f"arguments.generator_channels={channels}", f"arguments.discriminator_channels={channels}", "precision=float32",
        f"steps={steps}", "steps_per_call=5", "log.scalars_every_steps=5", "log.samples_every_steps=1000000",
        "evaluation.samples=0", "checkpoints.every_steps=1000000",
    )  # fmt: skip
    command, *flags = WAYS[way]
    full = [sys.executable, "-m", f"tfgan_zoo.{command}", *flags, "--model=sngan", f"--workdir={folder}"]
    cores = str(len(os.sched_getaffinity(0)))
    environment = {
        **os.environ,
        "PYTHONPATH": str(results.ROOT),
        "TF_NUM_INTRAOP_THREADS": cores,
        "OMP_NUM_THREADS": cores,
    }
    done = subprocess.run(
        [*full, *(f"--set={change}" for change in changes)],
        env=environment,
        cwd=folder.parent,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    rates = read_history(folder).curves["speed/images_per_second"][1]
    return statistics.median(rates[2:].tolist())


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/workers_speed"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", default="32:40,128:20", help="channels:steps of a run, ...")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rates = {}
    sizes = [tuple(map(int, size.split(":"))) for size in arguments.channels.split(",")]
    for number in range(arguments.rounds):
        for channels, steps in sizes:
            for way in WAYS:
                rate = speed(way, channels, steps, arguments.folder.resolve() / "run")
                rates.setdefault(str(channels), {}).setdefault(way, []).append(rate)
            shares = {w: rates[str(channels)][w][-1] / rates[str(channels)]["one"][-1] for w in WAYS}
            text = "  ".join(f"{way} {share:.2f}" for way, share in shares.items())
            print(f"round {number}  {channels:>4} channels  {text}", flush=True)
    figures = {}
    for channels, ways in rates.items():
        shares = {w: [a / b for a, b in zip(ways[w], ways["one"], strict=True)] for w in WAYS}
        figures[channels] = {
            w: {
                "images_per_second": statistics.median(ways[w]),
                "share": statistics.median(shares[w]),
                "shares": shares[w],
            }
            for w in WAYS
        }
        for way, found in figures[channels].items():
            spread = f"{min(found['shares']):.2f} to {max(found['shares']):.2f}"
            print(
                f"{channels:>4} channels  {way:<12} {found['images_per_second']:7.1f} images/s  {found['share']:.2f} ({spread})"
            )
    results.save("workers_speed", figures, arguments)


if __name__ == "__main__":
    main()
