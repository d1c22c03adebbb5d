"""Dynamic batching: requests for one signature run together, padded to sizes at which every row's result is the one it has alone."""

import asyncio
import collections
import functools
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
import tensorflow as tf
from grpc import StatusCode

from tfgan_zoo.serving.server.configuration import BatchSettings
from tfgan_zoo.serving.server.monitoring import Metrics
from tfgan_zoo.serving.server.servable import Signature
from tfgan_zoo.serving.server.status import (
    StatusError,
    as_status_error,
    failed_precondition,
    resource_exhausted,
    unavailable,
)

Arrays = Mapping[str, np.ndarray]


class Task:
    """The rows of one request, and the future of its outputs."""

    def __init__(self, arrays: Arrays, rows: int, loop: asyncio.AbstractEventLoop):
        self.arrays, self.rows, self.started = arrays, rows, False
        self.future: asyncio.Future[Arrays] = loop.create_future()
        self.queued = time.perf_counter()

    def expire(self) -> None:
        """Fails the task, whose deadline has passed."""
        if not self.future.done():
            running = StatusError(StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded during the run")
            queued = resource_exhausted("Run() timeout exceeded while waiting in batching queue")
            self.future.set_exception(running if self.started else queued)

    def settle(self, outputs: Arrays | StatusError) -> None:
        """Completes the task, unless its deadline has passed."""
        if self.future.done():
            return
        if isinstance(outputs, StatusError):
            self.future.set_exception(outputs)
        else:
            self.future.set_result(outputs)


class Batch:
    """Tasks that may run together. opened: time of the event loop's clock."""

    def __init__(self, opened: float):
        self.tasks: list[Task] = []
        self.rows, self.opened = 0, opened

    def add(self, task: Task) -> None:
        self.tasks.append(task)
        self.rows += task.rows

    def split(self, share: int) -> "tuple[list[Task], Batch | None]":
        """(the first pending tasks, with at least `share` rows if there are that many; a `Batch` of the rest or None)."""
        tasks: list[Task] = []
        rest, rows = Batch(self.opened), 0
        for task in self.tasks:
            if task.future.done():
                continue
            if rows < share:
                tasks.append(task)
            else:
                rest.add(task)
            rows += task.rows
        return tasks, rest if rest.tasks else None


class Batcher:
    """One queue of batches per signature, served round-robin by a few threads. All but `compute` runs on the event loop.

    Attributes:
        pending: number of requests queued or running.
        rows: {signature: number of their rows}.

    Args:
        settings: how to batch.
        executor: runs the computations, with `settings.threads + settings.extra_runs` threads.
        metrics: where to count.
    """

    def __init__(self, settings: BatchSettings, executor: Executor, metrics: Metrics):
        self.settings, self.executor, self.metrics = settings, executor, metrics
        # The first signature is next in turn.
        self.queues: collections.OrderedDict[Signature, collections.deque[Batch]] = collections.OrderedDict()
        self.free, self.pending = settings.threads + settings.extra_runs, 0
        self.rows: collections.Counter[Signature] = collections.Counter()
        self.timer: asyncio.TimerHandle | None = None

    async def run(self, signature: Signature, arrays: Arrays, rows: int, deadline: float | None = None) -> Arrays:
        """Outputs {name: array [rows, ...]} for inputs that have been checked.

        Args:
            deadline: time of the event loop's clock.

        Raises:
            StatusError: UNAVAILABLE if the queue is full, RESOURCE_EXHAUSTED if the deadline passes in the queue,
                DEADLINE_EXCEEDED if it passes during the run, or TensorFlow's error.
        """
        loop = asyncio.get_running_loop()
        task = Task(arrays, rows, loop)
        self.enqueue(signature, task, loop.time())
        self.metrics.input_size.add(rows)
        alarm = loop.call_at(deadline, task.expire) if deadline is not None else None
        self.schedule_dispatch(0)
        self.pending += 1
        self.rows[signature] += rows
        try:
            return await task.future
        finally:
            self.pending -= 1
            self.rows[signature] -= rows
            if not self.rows[signature]:
                del self.rows[signature]  # else it would keep an unloaded model in memory
            if alarm:
                alarm.cancel()

    def enqueue(self, signature: Signature, task: Task, now: float) -> None:
        """Adds a task to the last batch of the signature's queue, or to a new one."""
        queue = self.queues.setdefault(signature, collections.deque())
        capacity = self.settings.largest if signature.batched else 0
        if queue and queue[-1].rows + task.rows <= capacity:
            queue[-1].add(task)
            return
        if len(queue) >= self.settings.max_enqueued:
            raise unavailable("The batch scheduling queue to which this task was submitted is full")
        queue.append(Batch(now))
        queue[-1].add(task)

    def schedule_dispatch(self, delay: float) -> None:
        """Dispatches after `delay` seconds; with 0, once the requests that are arriving now have been queued."""
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(delay, self.dispatch)

    def is_full(self, queue: "collections.deque[Batch]") -> bool:
        """Whether the first batch of a queue cannot grow any more."""
        return len(queue) > 1 or queue[0].rows == self.settings.largest

    def ready_at(self, queue: "collections.deque[Batch]") -> float:
        """When the first batch of a queue may run, in time of the event loop's clock."""
        return 0.0 if self.is_full(queue) else queue[0].opened + self.settings.timeout

    def dispatch(self) -> None:
        """Starts ready batches on free threads."""
        self.timer = None
        loop = asyncio.get_running_loop()
        while self.free and self.queues:
            now, extra = loop.time(), self.free <= self.settings.extra_runs
            queues = {s: queue for s, queue in self.queues.items() if self.is_full(queue) or not extra}
            signature = next((s for s, queue in queues.items() if self.ready_at(queue) <= now), None)
            if signature is None:
                if queues:
                    self.schedule_dispatch(min(map(self.ready_at, queues.values())) - now)
                return
            tasks = self.take_share(signature)
            if tasks:
                self.free -= 1
                run = loop.run_in_executor(self.executor, self.compute, signature, tasks)
                run.add_done_callback(functools.partial(self.finish, tasks))

    def take_share(self, signature: Signature) -> list[Task]:
        """Removes the first batch's pending tasks from its queue, up to one thread's share; the next signature's turn follows.

        The share is of all rows queued and running. Otherwise one thread would run most of them, and another one only the few
        that arrive in the meantime.
        """
        queue = self.queues[signature]
        tasks, rest = queue[0].split(math.ceil(self.rows[signature] / self.settings.threads))
        if rest:
            queue[0] = rest
        else:
            queue.popleft()
        if queue:
            self.queues.move_to_end(signature)
        else:
            del self.queues[signature]
        for task in tasks:
            task.started = True
            self.metrics.queueing.add((time.perf_counter() - task.queued) * 1e6, "")  # TF Serving names no pool
        return tasks

    def finish(self, tasks: Sequence[Task], run: "asyncio.Future[list[Arrays | StatusError]]") -> None:
        """Delivers the outputs of a run and frees its thread."""
        self.free += 1
        error = run.exception()
        outputs = [as_status_error(error)] * len(tasks) if error else run.result()
        for task, output in zip(tasks, outputs, strict=True):
            task.settle(output)
        self.schedule_dispatch(0)

    def compute(self, signature: Signature, tasks: Sequence[Task]) -> list[Arrays | StatusError]:
        """The outputs {name: array} or the `StatusError` of each task. Runs in a thread of the executor.

        If a run fails because of a value, such as an index out of range, or because rows of different shapes do not form one
        array, each task is run alone, so that only the faulty one fails.
        """
        try:
            return self.run_batch(signature, tasks)
        except Exception as error:
            if len(tasks) > 1 and isinstance(error, (tf.errors.OpError, ValueError)):
                return [self.compute(signature, [task])[0] for task in tasks]
            return [as_status_error(error)] * len(tasks)

    def run_batch(self, signature: Signature, tasks: Sequence[Task]) -> list[Arrays | StatusError]:
        """The outputs of each task, computed in one run."""
        start = time.perf_counter()
        outputs: list[Arrays | StatusError]
        if not signature.batched:
            outputs = [signature.run(tasks[0].arrays)]
        else:
            arrays, size = pad(tasks, list(signature.inputs), self.settings.sizes)
            outputs = [*split_outputs(signature.run(arrays), tasks, size)]
            self.metrics.processed_size.add(size)
            self.metrics.padding.add(size - sum(task.rows for task in tasks), size)
        self.metrics.runtime.add((time.perf_counter() - start) * 1e6, signature.model, "Predict", "TF2")
        return outputs


def pad(tasks: Sequence[Task], names: Sequence[str], sizes: Sequence[int]) -> tuple[Arrays, int]:
    """({name: array}, its rows): the rows of all tasks, then the last task's first row, repeated up to the next of `sizes`."""
    rows = sum(task.rows for task in tasks)
    size = next(size for size in sizes if size >= rows)
    arrays = {}
    for name in names:
        parts = [task.arrays[name] for task in tasks]
        if size > rows:
            parts.append(np.repeat(parts[-1][:1], size - rows, axis=0))
        arrays[name] = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return arrays, size


def split_outputs(outputs: Arrays, tasks: Sequence[Task], size: int) -> list[Arrays]:
    """{name: array} for each task, with its own rows.

    Raises:
        StatusError: FAILED_PRECONDITION if an output does not have one row per input row.
    """
    for name, value in outputs.items():
        if value.ndim == 0 or value.shape[0] != size:
            raise failed_precondition(
                f"Batched output tensor {name} has shape {value.shape}, not {size} as its 0th dimension"
            )
    parts: list[Arrays] = []
    start = 0
    for task in tasks:
        parts.append({name: value[start : start + task.rows] for name, value in outputs.items()})
        start += task.rows
    return parts
