"""Code that runs at an earlier commit and at this one in turn, so that both see the same machine."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import ROOT
from benchmarks.same_bits import ALONE

# Stands after a session's code, which defines `turn()`: answers each line on stdin with the seconds that a turn took.
LOOP = """
import sys, time
turn()
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter(), time.process_time()
    turn()
    print(time.perf_counter() - start[0], time.process_time() - start[1], flush=True)
"""


@contextlib.contextmanager
def checkout_of(commit):
    """A context with the folder of a checkout of an earlier commit."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        subprocess.run(["git", "checkout", "-q", commit], cwd=checkout, check=True)
        yield checkout


def environment_of(checkout):
    """The environment variables with which Python imports the package from a checkout."""
    return {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}


class Session:
    """A process at one commit that runs `turn()` of some code when asked. `arguments` are its sys.argv[1:]."""

    def __init__(self, checkout, code, *arguments):
        command = [sys.executable, "-c", ALONE + code + LOOP, *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen(command, cwd=checkout, env=environment_of(checkout), **pipes)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit(f"{arguments} does not run in {checkout}")

    def seconds(self):
        """(by the clock, of CPU) of a turn."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        clock, cpu = map(float, self.process.stdout.readline().split())
        return clock, cpu

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def in_turn(earlier, rounds, code, *arguments):
    """[(seconds before, seconds now)] of each round, by the clock, and likewise of CPU."""
    sessions = [Session(checkout, code, *arguments) for checkout in (earlier, ROOT)]
    times = [tuple(session.seconds() for session in sessions) for _ in range(rounds)]
    for session in sessions:
        session.close()
    return tuple([(before[i], now[i]) for before, now in times] for i in (0, 1))


def ratio(times):
    """(median, least, most) of the ratios before / now of the rounds."""
    ratios = sorted(before / now for before, now in times)
    return statistics.median(ratios), ratios[0], ratios[-1]
