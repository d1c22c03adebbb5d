"""A campaign of faults: two workers train, are disturbed again and again, and must end with the bits of an undisturbed run.

    unshare --map-root-user --mount python -m benchmarks.faults --hours=1

A worker is killed (SIGKILL), asked to stop (SIGTERM), frozen (SIGSTOP), cut off from the other (their connections pass through proxies on the
loopback, which close), or finds the disk full; either worker, while the run starts, trains or saves. After each fault the workers must end
within --limit seconds, each with a sentence and without a traceback, and both are started again with the same command, until the run
has taken its steps; then another run begins. Every second run writes its checkpoints in parts. The run's folder is a small tmpfs, so that
its disk can be filled; mounting it needs root or the `unshare` above. A small MLP on points is trained, so that a campaign has many faults.

Prints each fault and how long the workers took to end, and exits with 1 if a run ended with other bits, or a worker without a clear end.
"""

import contextlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks import results
from benchmarks.same_bits import differences, last_checkpoint
from tfgan_zoo.cli.local_cluster import free_ports

KINDS = ("SIGKILL", "SIGTERM", "SIGSTOP", "cut connection", "full disk")
MOMENTS = ("starting", "training", "saving")
SECONDS = {"starting": 20.0, "training": 8.0, "saving": 5.0}  # within which the moment is drawn
SETTINGS = (
    "arguments.generator_hidden=[512,512,512]", "arguments.discriminator_hidden=[512,512,512]", "steps_per_call=5",
    "checkpoints.every_steps=20", "evaluation.samples=0", "log.samples_every_steps=100000",
)  # fmt: skip
START_LIMIT = 40  # seconds that a worker waits for the other at the start


class Proxy:
    """Passes connections to its `port` of the loopback on to the port `target`, until it is cut."""

    def __init__(self, target):
        self.target, self.open = target, [socket.create_server(("127.0.0.1", 0))]
        self.port = self.open[0].getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.open[0].accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:  # the worker does not listen yet
                    near.close()
                    continue
                self.open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(2**16):
                sink.sendall(data)
        for end in (source, sink):
            end.close()

    def cut(self):
        for end in self.open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Attempt:
    """Two workers, started with the command of the run.

    Args:
        folder: of the campaign: the run is in disk/run, the output of worker i in worker-i.log.
        options: of `train`.
        proxied: whether their connections pass through proxies.
    """

    def __init__(self, folder, options, proxied):
        self.folder, self.began = folder, time.time()
        self.run = folder / "disk" / "run"
        ports = free_ports(2)
        self.proxies = [Proxy(port) for port in ports] if proxied else []
        self.workers = []
        for index in range(2):
            # Each listens on its own port and reaches the other's through a proxy.
            seen = [p.port if proxied and i != index else ports[i] for i, p in enumerate(self.proxies or ports)]
            addresses = [f"127.0.0.1:{port}" for port in seen]
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = {
                **os.environ,
                "TF_CONFIG": json.dumps(config),
                "TFGAN_ZOO_WORKERS_TIMEOUT": str(START_LIMIT),
                **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), "1"),
                "PYTHONPATH": str(results.ROOT),
            }
            command = [
                sys.executable,
                "-m",
                "tfgan_zoo.train",
                "--model=gan",
                "--preset=ring8",
                f"--workdir={self.run}",
            ]
            with self.log(index).open("wb") as output:
                self.workers.append(
                    subprocess.Popen(
                        [*command, *options], env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder
                    )
                )

    def log(self, index):
        return self.folder / f"worker-{index}.log"

    def running(self):
        return [worker for worker in self.workers if worker.poll() is None]

    def saving(self):
        """Whether a checkpoint is being written now."""
        return any((self.run / "checkpoints").glob(".checkpoint-*.tmp"))

    def saved(self):
        """Whether this attempt has written a checkpoint."""
        with contextlib.suppress(FileNotFoundError):  # one that is removed now
            return any(p.stat().st_mtime > self.began for p in (self.run / "checkpoints").glob("checkpoint-*"))
        return True

    def reach(self, moment, seconds):
        """Waits for a moment. Returns False if the workers ended before."""
        while moment != "starting" and not self.saved():
            if not self.running():
                return False
            time.sleep(0.05)
        time.sleep(seconds)
        while moment == "saving" and self.running() and not self.saving():
            time.sleep(0.0005)
        return len(self.running()) == 2

    def disturb(self, kind, victim):
        """Commits the fault, and returns a function that takes it back once the workers have ended."""
        if kind.startswith("SIG"):
            self.workers[victim].send_signal(getattr(signal, kind))
            return self.kill
        if kind == "cut connection":
            for proxy in self.proxies:
                proxy.cut()
            return self.kill
        filler = self.folder / "disk" / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**16))
        return filler.unlink

    def wait(self, workers, seconds):
        """Waits until those of the workers have ended; False if they have not after so many seconds."""
        end = time.monotonic() + seconds
        while any(worker.poll() is None for worker in workers):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def kill(self):
        for worker in self.running():
            worker.kill()
            worker.wait()

    def problems(self, kind, victim):
        """What is wrong with the ends of the workers, in words, and their last lines."""
        wrong, lines = [], []
        for index, worker in enumerate(self.workers):
            text = self.log(index).read_text(errors="replace")
            sentences = [s for s in text.splitlines() if s.startswith(("error: ", "Stopped and saved."))]
            last = sentences[-1] if sentences else ""
            lines.append(last.replace(f"{self.run.parent}/", ""))  # a record names no folder of this machine
            if kind in ("SIGKILL", "SIGSTOP") and index == victim:
                continue
            status = worker.returncode
            stopped = kind == "SIGTERM" and (status == 1 or (index == victim and status == -signal.SIGTERM))
            if "Traceback" in text:
                wrong.append(f"worker {index} printed a traceback")
            elif "not all of these workers had started" in lines[-1]:  # the fault came before the cluster stood
                continue
            elif not (stopped or sentences or status == 0):  # 0: complete just before the fault
                wrong.append(f"worker {index} ended with status {status} and no sentence")
            elif (
                status and kind in ("SIGKILL", "SIGSTOP", "cut connection") and f"worker {1 - index} (" not in lines[-1]
            ):
                wrong.append(f"worker {index} does not name the other: {lines[-1]}")
        if kind == "full disk" and not any("No space left on device" in line for line in lines):
            wrong.append(f"no worker tells of the disk: {lines}")
        return wrong, lines


def disturbed(folder, options, kind, victim, moment, draw, limit):
    """The record of one attempt with a fault; without "kind" if the run was complete before it came."""
    attempt = Attempt(folder, options, kind == "cut connection")
    try:
        seconds = draw.uniform(0, SECONDS[moment])
        if not attempt.reach(moment, seconds):
            attempt.wait(attempt.workers, 120)
            return {"statuses": [w.returncode for w in attempt.workers]}
        began, undo = time.monotonic(), attempt.disturb(kind, victim)
        others = [w for i, w in enumerate(attempt.workers) if not (kind == "SIGSTOP" and i == victim)]
        ended = attempt.wait(others, max(limit, START_LIMIT + 10 if moment == "starting" else 0))
        taken = time.monotonic() - began
        attempt.kill()
        undo()
        wrong, lines = attempt.problems(kind, victim)
        return {
            "kind": kind, "worker": victim, "moment": moment, "seconds": round(taken, 2),
            "statuses": [w.returncode for w in attempt.workers], "sentences": lines,
            "wrong": wrong if ended else [f"still running after {taken:.0f} s", *wrong],
        }  # fmt: skip
    finally:
        attempt.kill()


def undisturbed(folder, options):
    """The last checkpoint of a run without faults, which leaves the disk empty."""
    attempt = Attempt(folder, options, False)
    attempt.wait(attempt.workers, 3600)
    if [w.returncode for w in attempt.workers] != [0, 0]:
        raise SystemExit("without a fault: " + attempt.log(0).read_text() + attempt.log(1).read_text())
    arrays = last_checkpoint(attempt.run)
    subprocess.run(["rm", "-r", str(attempt.run)], check=True)
    return arrays


def faults(draw):
    """(kind, worker, moment) of faults without end: all combinations in another order each time."""
    while True:
        every = [
            (kind, worker, moment)
            for kind, worker, moment in itertools.product(KINDS, range(2), MOMENTS)
            if kind.startswith("SIG") or worker == 0  # the others hit both
        ]
        yield from draw.sample(every, len(every))


def main():
    parser = results.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/faults"))
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--faults", type=int, default=10**6, help="end after as many, and the run that they disturb")
    parser.add_argument("--steps", type=int, default=1000, help="of a run")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that the workers get to end")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    arguments = parser.parse_args()
    folder, draw = arguments.folder.resolve(), random.Random(arguments.seed)
    (folder / "disk").mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "none", str(folder / "disk")])
    if mounted.returncode:
        raise SystemExit("needs a disk to fill: unshare --map-root-user --mount python -m benchmarks.faults ...")
    options = [f"--set={change}" for change in (*SETTINGS, f"steps={arguments.steps}")]
    began, records, runs, longest = time.monotonic(), [], [], {}
    try:
        expected = undisturbed(folder, options)
        print(f"Undisturbed: {arguments.steps} steps, {len(expected)} arrays", flush=True)
        coming = faults(draw)
        while len(records) < arguments.faults and time.monotonic() - began < arguments.hours * 3600:
            parts = ["--set=checkpoints.sharded=true"] if len(runs) % 2 else []
            while True:
                kind, victim, moment = next(coming)
                record = disturbed(folder, [*options, *parts], kind, victim, moment, draw, arguments.limit)
                if "kind" not in record:
                    break
                records.append(record)
                wrong = "".join(f"  WRONG: {w}" for w in record["wrong"])
                print(
                    f"{len(records):>3}  {kind:<14}  worker {victim}  {moment:<8}  {record['seconds']:5.1f} s  "
                    f"{record['statuses']}{wrong}",
                    flush=True,
                )
            unequal = differences(last_checkpoint(folder / "disk" / "run"), expected)
            runs.append(
                {"statuses": record["statuses"], "faults_so_far": len(records), "arrays_that_differ": len(unequal)}
            )
            print(f"Run {len(runs)}, {record['statuses']}: {len(unequal)} of {len(expected)} arrays differ", flush=True)
            subprocess.run(["rm", "-r", str(folder / "disk" / "run")], check=True)
            longest = {k: max((r["seconds"] for r in records if r["kind"] == k), default=None) for k in KINDS}
            figures = {"faults": records, "runs": runs, "longest_seconds": longest, "arrays": len(expected)}
            results.save("faults", figures, arguments)
    finally:
        subprocess.run(["umount", "-l", str(folder / "disk")])
    wrong = [r for r in records if r["wrong"]] + [r for r in runs if r["arrays_that_differ"] or r["statuses"] != [0, 0]]
    print(f"{len(records)} faults in {len(runs)} runs, {len(wrong)} of them with something wrong; longest: {longest}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
