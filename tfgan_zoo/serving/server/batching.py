"""Dynamic batching: requests of one signature run together, padded to sizes that give each row the result it has alone."""

import asyncio
import collections
import math
import time

import numpy as np
import tensorflow as tf
from grpc import StatusCode

from tfgan_zoo.serving.server.status import Refused, exhausted, of_error, precondition, unavailable


class Task:
    """One request's rows, and the future of its outputs."""

    def __init__(self, arrays, rows, loop):
        self.arrays, self.rows, self.future, self.started = arrays, rows, loop.create_future(), False
        self.queued = time.perf_counter()

    def expire(self):
        if not self.future.done():
            over = Refused(StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded during the run")
            waiting = exhausted("Run() timeout exceeded while waiting in batching queue")
            self.future.set_exception(over if self.started else waiting)

    def settle(self, outputs):
        """outputs: {name: array}, or a `Refused`."""
        if self.future.done():
            return
        if isinstance(outputs, Refused):
            self.future.set_exception(outputs)
        else:
            self.future.set_result(outputs)


class Batch:
    """Tasks that will run together."""

    def __init__(self, opened):
        self.tasks, self.rows, self.opened = [], 0, opened

    def add(self, task):
        self.tasks.append(task)
        self.rows += task.rows

    def parted(self, share):
        """(tasks that are still awaited, of `share` rows or just above; a `Batch` of the others or None)."""
        tasks, rest, rows = [], Batch(self.opened), 0
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
    """Queues of batches, one a signature, taken in turn by a few threads. All but `compute` belongs to the event loop.

    Attributes:
        waiting: how many requests are queued or running; rows: {signature: how many rows those have}.

    Args:
        settings: `BatchSettings`; executor: runs the computations, in `settings.threads` threads and as many more as `ahead`
            says; metrics: `Metrics`.
    """

    def __init__(self, settings, executor, metrics):
        self.settings, self.executor, self.metrics = settings, executor, metrics
        self.queues = collections.OrderedDict()  # {signature: deque of Batch}; the first has its turn
        self.free, self.waiting = settings.threads + settings.ahead, 0
        self.rows = collections.Counter()
        self.timer = None

    async def run(self, signature, arrays, rows, deadline=None):
        """{name: array [rows, ...]} of checked inputs.

        Args:
            deadline: time of the event loop's clock.

        Raises:
            Refused: UNAVAILABLE where the queue is full, RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED past the deadline while
                queued and while running, or what TensorFlow failed with.
        """
        loop = asyncio.get_running_loop()
        task = Task(arrays, rows, loop)
        self.enqueue(signature, task, loop.time())
        self.metrics.input_size.add(rows)
        alarm = loop.call_at(deadline, task.expire) if deadline is not None else None
        self.wake(0)
        self.waiting += 1
        self.rows[signature] += rows
        try:
            return await task.future
        finally:
            self.waiting -= 1
            self.rows[signature] -= rows
            if not self.rows[signature]:
                del self.rows[signature]  # which may be unloaded
            if alarm:
                alarm.cancel()

    def enqueue(self, signature, task, now):
        queue = self.queues.setdefault(signature, collections.deque())
        room = self.settings.largest if signature.batched else 0
        if queue and queue[-1].rows + task.rows <= room:
            queue[-1].add(task)
            return
        if len(queue) >= self.settings.longest_queue:
            raise unavailable("The batch scheduling queue to which this task was submitted is full")
        queue.append(Batch(now))
        queue[-1].add(task)

    def wake(self, delay):
        """Looks for work after so many seconds, once what is arriving now has arrived."""
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(delay, self.dispatch)

    def full(self, queue):
        """Whether nothing more comes into a queue's first batch."""
        return len(queue) > 1 or queue[0].rows == self.settings.largest

    def ready_at(self, queue):
        """When the first batch of a queue may run, in the event loop's time."""
        return 0.0 if self.full(queue) else queue[0].opened + self.settings.wait

    def dispatch(self):
        """Gives ready batches to free threads."""
        self.timer = None
        loop = asyncio.get_running_loop()
        while self.free and self.queues:
            now, ahead = loop.time(), self.free <= self.settings.ahead
            queues = {s: queue for s, queue in self.queues.items() if self.full(queue) or not ahead}
            signature = next((s for s, queue in queues.items() if self.ready_at(queue) <= now), None)
            if signature is None:
                if queues:
                    self.wake(min(map(self.ready_at, queues.values())) - now)
                return
            tasks = self.take(signature)
            if tasks:
                self.free -= 1
                done = loop.run_in_executor(self.executor, self.compute, signature, tasks)
                done.add_done_callback(lambda done, tasks=tasks: self.finished(done, tasks))

    def take(self, signature):
        """The first batch's tasks that are still awaited, up to a thread's share; the signature's turn is over.

        The share is of all rows queued and running: else one thread runs most of them, and another the few that come
        meanwhile, by themselves.
        """
        queue = self.queues[signature]
        tasks, rest = queue[0].parted(math.ceil(self.rows[signature] / self.settings.threads))
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
            self.metrics.queueing.add((time.perf_counter() - task.queued) * 1e6)
        return tasks

    def finished(self, done, tasks):
        self.free += 1
        outputs = [of_error(done.exception())] * len(tasks) if done.exception() else done.result()
        for task, output in zip(tasks, outputs, strict=True):
            task.settle(output)
        self.wake(0)

    def compute(self, signature, tasks):
        """The outputs of tasks, in their order, each {name: array} or a `Refused`. Runs in a thread of the executor.

        Where a run fails for a value, such as a class that there is not, or rows of several shapes, which no array holds, each
        task runs alone, so that only its own fails.
        """
        try:
            return self.together(signature, tasks)
        except Exception as error:
            if len(tasks) > 1 and isinstance(error, (tf.errors.OpError, ValueError)):
                return [self.compute(signature, [task])[0] for task in tasks]
            return [of_error(error)] * len(tasks)

    def together(self, signature, tasks):
        start = time.perf_counter()
        if not signature.batched:
            outputs = [signature.run(tasks[0].arrays)]
        else:
            arrays, size = padded(tasks, signature.inputs, self.settings.sizes)
            made = signature.run(arrays)
            outputs = split(made, tasks, size)
            self.metrics.processed_size.add(size)
            self.metrics.padding.add(size - sum(task.rows for task in tasks), size)
        self.metrics.runtime.add((time.perf_counter() - start) * 1e6, signature.model, "Predict", "TF2")
        return outputs


def padded(tasks, names, sizes):
    """({name: array}, rows): all tasks' rows, with the last task's first row repeated up to the next of `sizes`."""
    rows = sum(task.rows for task in tasks)
    size = next(size for size in sizes if size >= rows)
    arrays = {}
    for name in names:
        parts = [task.arrays[name] for task in tasks]
        parts += [np.repeat(parts[-1][:1], size - rows, axis=0)] * (size > rows)
        arrays[name] = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return arrays, size


def split(outputs, tasks, size):
    """[{name: array}], the rows of each task.

    Raises:
        Refused: FAILED_PRECONDITION, where an output has not a row for each of the input.
    """
    for name, value in outputs.items():
        if value.ndim == 0 or value.shape[0] != size:
            raise precondition(f"Batched output tensor {name} has shape {value.shape}, not {size} as its 0th dimension")
    parts, start = [], 0
    for task in tasks:
        parts.append({name: value[start : start + task.rows] for name, value in outputs.items()})
        start += task.rows
    return parts
