"""Code that runs at an earlier commit and at this one in turn, so that both see the same machine: for `benchmarks.speed` and others."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import ROOT

# An editable installation would lend its own modules to a checkout that lacks them.
ALONE = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if not getattr(f, "__name__", "").startswith("_Editable")]
"""
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


def full_hash(commit):
    """The hash of a commit, which may be named as git takes it, such as HEAD~3."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{commit}^{{commit}}"], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{commit} is no commit here.")
    return done.stdout.strip()


def clone(commit, folder):
    """Makes a folder with a checkout of a commit."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "-q", commit], cwd=folder, check=True)


@contextlib.contextmanager
def checkout_of(commit):
    """A context with the folder of a checkout of an earlier commit."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        clone(commit, checkout)
        yield checkout


def environment_of(checkout):
    """The environment variables with which Python imports the package from a checkout."""
    return {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}


class Session:
    """A process at one commit that runs `turn()` of some code when asked. `arguments` are its sys.argv[1:]."""

    def __init__(self, checkout, code, *arguments):
        command = [sys.executable, "-c", ALONE + code + LOOP, *map(str, arguments)]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 open as long as the process runs
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors, "text": True}
        self.process = subprocess.Popen(command, cwd=checkout, env=environment_of(checkout), **pipes)
        self.name = f"{' '.join(map(str, arguments))} in {checkout}"
        if self.answer() != "ready\n":
            raise SystemExit(f"{self.name} printed something else than that it is ready.")

    def seconds(self):
        """(by the clock, of CPU) of a turn."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        clock, cpu = map(float, self.answer().split())
        return clock, cpu

    def answer(self):
        """The next line. Ends the program with the last errors of a session that has ended."""
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise SystemExit(f"{self.name} ended:\n" + "".join(self.errors.readlines()[-5:]))
        return line

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
