"""Several workers on one machine, each a process with a TF_CONFIG of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tfgan_zoo.cli.entry import module_of
from tfgan_zoo.core.errors import ZooError

GRACE = 30.0  # seconds that the other workers get to end by themselves once one has failed


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def visible_gpus() -> list[str]:
    """The numbers or names of this machine's GPUs that CUDA_VISIBLE_DEVICES leaves visible; without starting TensorFlow."""
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [gpu for gpu in chosen.split(",") if gpu not in ("", "-1")]
    return [str(i) for i, _ in enumerate(sorted(Path("/proc/driver/nvidia/gpus").glob("*")))]


class LocalCluster:
    """Workers that run the same command.

    Args:
        count: of workers.
        command: a command of `tfgan-zoo` with its flags, such as ["train", "--model=sngan"].
        logs: folder for their output.
        threads: per worker; its share of the cores by default.

    Raises:
        ZooError: no such command.
    """

    def __init__(self, count: int, command: list[str], logs: str, threads: int | None = None) -> None:
        self.count, self.logs = count, Path(logs)
        self.command = [sys.executable, "-m", f"tfgan_zoo.{module_of(command[0])}", *command[1:]]
        self.gpus = visible_gpus()  # dealt out to the workers
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) // count)
        self.stop_signal = 0

    def run(self, restarts: int = 0) -> int:
        """Runs all workers to their end, again after a failure up to `restarts` times. Returns the status.

        On SIGINT, SIGTERM or SIGHUP the workers save and stop; a second one ends them at once.
        """
        for attempt in range(restarts + 1):
            status = self.attempt()
            final = status in (0, ZooError.status)  # a user's mistake would come again
            if final or self.stop_signal or attempt == restarts:
                break
            print(f"Starting all {self.count} workers again ({attempt + 1} of {restarts}).", flush=True)
        return status

    def attempt(self) -> int:
        """Starts all workers once. Returns 0 if all ended well, else the status of the first that did not."""
        self.logs.mkdir(parents=True, exist_ok=True)
        print(f"{self.count} workers of {self.threads} threads; their output: {self.logs}/worker-*.log", flush=True)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(self.count)]
        with contextlib.ExitStack() as stack:
            workers: list[subprocess.Popen] = []
            stack.enter_context(self.passing_signals_to(workers))
            for index in range(self.count):
                workers.append(self.start(index, addresses, stack))
            return self.watch(workers)

    def start(self, index: int, addresses: list[str], stack: contextlib.ExitStack) -> subprocess.Popen:
        """One worker, started. The chief writes to this process' output."""
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {
            **os.environ,
            "TF_CONFIG": json.dumps(task),
            **{name: str(self.threads) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")},
            **({"CUDA_VISIBLE_DEVICES": ",".join(self.gpus[index :: self.count]) or "-1"} if self.gpus else {}),
        }
        output = stack.enter_context((self.logs / f"worker-{index}.log").open("ab")) if index else None
        worker = subprocess.Popen(
            self.command, env=environment, stdout=output, stderr=output and subprocess.STDOUT, start_new_session=True
        )
        stack.callback(self.end, worker)
        return worker

    @contextlib.contextmanager
    def passing_signals_to(self, workers: list[subprocess.Popen]) -> Iterator[None]:
        """A context in which the signals that ask to stop go to all workers as SIGTERM; a second one ends them at once."""

        def forward(number: int, frame: FrameType | None) -> None:
            request = signal.SIGKILL if self.stop_signal else signal.SIGTERM
            self.stop_signal = number
            for worker in workers:
                if worker.poll() is None:
                    worker.send_signal(request)

        before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def watch(self, workers: list[subprocess.Popen]) -> int:
        """Waits for all workers; ends those that go on for `GRACE` seconds after one has failed."""
        failed, deadline = 0, float("inf")
        running = dict(enumerate(workers))
        while running:
            time.sleep(0.1)
            for index, worker in list(running.items()):
                if (status := worker.poll()) is None:
                    continue
                del running[index]
                status = status if status >= 0 else 128 - status  # after a signal, as shells count
                if status and not failed:
                    failed, deadline = status, time.monotonic() + GRACE
                    if not self.stop_signal:
                        print(f"Worker {index} ended with status {status}.{self.last_line(index)}", flush=True)
            if running and time.monotonic() > deadline:
                print(f"Ending worker {', '.join(map(str, running))}, still running {GRACE:.0f} s later.", flush=True)
                return failed
        return failed

    def last_line(self, index: int) -> str:
        """The last line that a worker wrote into its file."""
        if index == 0:
            return ""
        lines = (self.logs / f"worker-{index}.log").read_text(errors="replace").strip().splitlines()
        return f" It wrote: {lines[-1]}" if lines else ""

    @staticmethod
    def end(worker: subprocess.Popen) -> None:
        """Ends a worker at once."""
        if worker.poll() is None:
            worker.kill()
        worker.wait()
