"""The workers of a run: what they must agree on, and what one is told when another is gone.

Workers pair their collectives by the order of calls alone, so every worker calls the same functions here in the same order.
Nothing here costs anything in a run of one worker.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan_zoo.core.errors import ZooError, sentence_of

# What TensorFlow raises in one worker when another is gone. Some of these are raised for other reasons as well.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.InvalidArgumentError,
)
OF_WORKERS = re.compile(
    r"[Cc]ollective|[Cc]oordination|[Hh]eartbeat|[Ss]ocket closed|[Cc]onnection (reset|refused|timed out)"
)
CHUNK = 2**24  # bytes that are sent at once: each replica receives as many from every replica


class WorkerLost(ZooError):
    """Another worker of the run is gone. Command lines end with the status 75 (EX_TEMPFAIL): start all workers again."""

    status = 75


class Workers:
    """The workers of a strategy, seen from one of them.

    Args:
        strategy: a `tf.distribute.Strategy`.

    Attributes:
        addresses: "host:port" of each worker; [] for one.
        count: of the workers.
        index: of this one. Worker 0, the chief, alone computes scores and writes files, but for its parts of sharded checkpoints.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy = strategy
        self.count, self.index, self.addresses = 1, 0, []
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            self.addresses = list(resolver.cluster_spec().as_dict().get("worker", []))
            self.count, self.index = max(1, len(self.addresses)), int(resolver.task_id or 0)

    @property
    def chief(self) -> bool:
        """Whether this worker writes the files."""
        return self.index == 0

    def gather(self, values: np.ndarray) -> np.ndarray:
        """The int32 arrays [N] of all workers, of one N: [workers, N].

        Raises:
            WorkerLost: another worker is gone.
        """
        if self.count == 1:
            return values[None]
        with lost_workers(self):
            rows = self._gather(tf.constant(values, tf.int32)).numpy()
        return rows[:: len(rows) // self.count]  # one of each worker's replicas

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.int32)])
    def _gather(self, values: tf.Tensor) -> tf.Tensor:
        def in_replica(values):
            return tf.distribute.get_replica_context().all_gather(values[None], axis=0)

        return self.strategy.experimental_local_results(self.strategy.run(in_replica, (values,)))[0]

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true on any worker."""
        return bool(self.gather(np.array([flag], np.int32)).any())

    def wait(self) -> None:
        """Returns once all workers have called it."""
        self.any(False)

    def gather_bytes(self, data: bytes) -> list[bytes]:
        """The `data` of each worker, of any sizes, on all workers."""
        if self.count == 1:
            return [data]
        words = self.gather(np.array(divmod(len(data), 2**31), np.int32))
        sizes = [int(high) * 2**31 + int(low) for high, low in words]
        parts: list[list[bytes]] = [[] for _ in sizes]
        for first in range(0, max(sizes), CHUNK):
            own = np.frombuffer(data[first : first + CHUNK], np.uint8)
            part = np.zeros(-(-min(CHUNK, max(sizes) - first) // 4) * 4, np.uint8)
            part[: len(own)] = own
            rows = self.gather(part.view(np.int32)).view(np.uint8)
            for of_worker, row, size in zip(parts, rows, sizes, strict=True):
                of_worker.append(row[: max(0, size - first)].tobytes())
        return [b"".join(of_worker) for of_worker in parts]

    def from_chief(self, data: bytes) -> bytes:
        """The chief's `data`; what the others pass is ignored."""
        return self.gather_bytes(data if self.chief else b"")[0]

    def decided_by_chief(self, value: Any) -> Any:
        """The chief's plain value, as JSON holds it."""
        return json.loads(self.from_chief(json.dumps(value).encode()))

    def on_chief(self, action: Callable[[], Any]) -> Any:
        """What `action` returns on the chief, a plain value as JSON holds it.

        Raises:
            ZooError: the chief's own error there; elsewhere, one with its message.
        """
        result, error = None, None
        if self.chief:
            try:
                result = action()
            except (ZooError, OSError) as refusal:
                error = refusal
        result, message = self.decided_by_chief([result, error and sentence_of(error)])
        if error:
            raise error
        if message:
            raise ZooError(f"worker 0: {message}")
        return result

    def copy_from_chief(self, variables: Mapping[str, Any]) -> None:
        """Gives the {name: variable} of this worker the chief's values, bit for bit."""
        if self.count == 1:
            return
        values = {name: variable.numpy() for name, variable in variables.items()}
        data, first = self.from_chief(b"".join(value.tobytes() for value in values.values())), 0
        for name, value in values.items():
            last = first + value.nbytes
            if data[first:last] != value.tobytes():
                variables[name].assign(np.frombuffer(data[first:last], value.dtype).reshape(value.shape))
            first = last

    def check_equal(self, facts: Mapping[str, str]) -> None:
        """Raises: ZooError, on every worker, if the `facts` of one worker are not those of the chief; names worker and fact."""
        if self.count == 1:
            return
        of_chief = self.decided_by_chief(dict(facts))
        wrong = [name for name in facts if facts[name] != of_chief[name]]
        differs = self.gather(np.array([name in wrong for name in facts], np.int32))
        problems = [
            f"{name} of worker {i}"
            for i, row in enumerate(differs)
            for name, bad in zip(facts, row, strict=True)
            if bad
        ]
        if problems:
            short = [name for name in wrong if len(facts[name]) < 100]
            own = "".join(f" Here {name} is {facts[name]}, and {of_chief[name]} on worker 0." for name in short)
            raise ZooError(
                f"workers differ: {', '.join(problems)}.{own} Start all workers with the same command and files."
            )


@contextlib.contextmanager
def lost_workers(workers: Workers) -> Iterator[None]:
    """Raises a `WorkerLost` in place of the errors that TensorFlow raises where another worker is gone."""
    try:
        yield
    except LOST as error:
        message = str(error)
        if workers.count == 1 or not OF_WORKERS.search(message):
            raise
        raise WorkerLost(f"{lost_sentence(message, workers)} ({message.splitlines()[0][:200]})") from None


def lost_sentence(message: str, workers: Workers) -> str:
    """Which workers are gone by an error message of TensorFlow, and what to do."""
    numbers = sorted({int(number) for number in re.findall(r"/task:(\d+)", message)} - {workers.index})
    if len(numbers) != 1:  # with two workers it can only be the other one
        numbers = [i for i in range(workers.count) if i != workers.index] if workers.count == 2 else []
    which = " and ".join(f"worker {i} ({workers.addresses[i]})" for i in numbers) or "another worker"
    return (
        f"{which} is gone: it ended, froze, or its connection was cut. Worker {workers.index} stops without saving. Start all "
        "workers again with the same command: the run resumes from its newest checkpoint."
    )
