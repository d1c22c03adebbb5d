"""Counters and histograms under TF Serving's names, in Prometheus' text format."""

import bisect
import itertools
import threading
from collections.abc import Iterable, Sequence

LATENCY_BUCKETS = (10.0, 1.8, 33)  # TF Serving's buckets as (start, growth factor, count), in microseconds
QUEUEING_BUCKETS = (100.0, 1.2, 52)
SIZE_BUCKETS = (1.0, 2.0, 25)


def escaped(value: object) -> str:
    """A label's value as Prometheus' text format quotes it."""
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def label_set(names: Sequence[str], values: Sequence[object], **more: object) -> str:
    """`{name="value",...}`, empty without labels."""
    pairs = [*zip(names, values, strict=True), *more.items()]
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in pairs) + "}" if pairs else ""


class Counter:
    """Event counts by labels."""

    kind = "counter"

    def __init__(self, name: str, description: str, labels: Sequence[str] = ()):
        self.name, self.description, self.labels = name, description, labels
        self.values: dict[tuple, int] = {}
        self.lock = threading.Lock()

    def add(self, *labels: object) -> None:
        """Counts one event."""
        with self.lock:
            self.values[labels] = self.values.get(labels, 0) + 1

    def lines(self) -> Iterable[str]:
        """The samples in Prometheus' text format."""
        with self.lock:
            return [f"{self.name}{label_set(self.labels, key)} {value}" for key, value in self.values.items()]


class Histogram:
    """Distributions over exponential buckets, by labels."""

    kind = "histogram"

    def __init__(self, name: str, description: str, labels: Sequence[str], buckets: tuple[float, float, int]):
        start, factor, count = buckets
        self.name, self.description, self.labels = name, description, labels
        self.bounds = [start * factor**i for i in range(count)]
        self.values: dict[tuple, tuple[float, list[int]]] = {}  # {labels: (sum, counts by bucket, last one open)}
        self.lock = threading.Lock()

    def add(self, value: float, *labels: object) -> None:
        """Counts one value."""
        with self.lock:
            total, counts = self.values.get(labels) or (0.0, [0] * (len(self.bounds) + 1))
            counts[bisect.bisect_left(self.bounds, value)] += 1
            self.values[labels] = total + value, counts

    def lines(self) -> Iterable[str]:
        """The samples in Prometheus' text format."""
        with self.lock:
            snapshot = {key: (total, list(counts)) for key, (total, counts) in self.values.items()}
        for key, (total, counts) in snapshot.items():
            bounds = [*(f"{bound:.6g}" for bound in self.bounds), "+Inf"]
            for bound, cumulative in zip(bounds, itertools.accumulate(counts), strict=True):
                yield f"{self.name}_bucket{label_set(self.labels, key, le=bound)} {cumulative}"
            yield f"{self.name}_sum{label_set(self.labels, key)} {total:.10g}"
            yield f"{self.name}_count{label_set(self.labels, key)} {sum(counts)}"


class Metrics:
    """All metrics of the server."""

    def __init__(self) -> None:
        prefix, batching = ":tensorflow:serving:", ":tensorflow:serving:batching_session:"
        api = ("model_name", "API")
        self.requests = Counter(f"{prefix}request_count", "Requests by status.", ("model_name", "status"))
        self.latency = Histogram(
            f"{prefix}request_latency", "Wall time of a request, us.", (*api, "entrypoint"), LATENCY_BUCKETS
        )
        self.runtime = Histogram(
            f"{prefix}runtime_latency", "Wall time of a run, us.", (*api, "runtime"), LATENCY_BUCKETS
        )
        self.warm_up = Histogram(
            f"{prefix}model_warmup_latency", "Wall time of the warm-up, us.", ("model_path", "status"), LATENCY_BUCKETS
        )
        self.queueing = Histogram(
            f"{batching}queuing_latency", "Wall time in the queue, us.", ("thread_pool_name",), QUEUEING_BUCKETS
        )
        self.padding = Histogram(
            f"{batching}padding_size", "Rows added as padding.", ("execution_batch_size",), SIZE_BUCKETS
        )
        self.input_size = Histogram(f"{batching}input_batch_size", "Rows of a request.", (), SIZE_BUCKETS)
        self.processed_size = Histogram(f"{batching}processed_batch_size", "Rows of a run.", (), SIZE_BUCKETS)

    def text(self) -> str:
        """All metrics in Prometheus' text format 0.0.4."""
        lines = []
        for metric in vars(self).values():
            lines += [f"# HELP {metric.name} {metric.description}", f"# TYPE {metric.name} {metric.kind}"]
            lines += metric.lines()
        return "\n".join(lines) + "\n"
