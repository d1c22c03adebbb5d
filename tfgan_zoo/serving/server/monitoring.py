"""Counts and times under TF Serving's names, in the text format that Prometheus reads."""

import bisect
import itertools
import threading

SLOW_REQUESTS = (10.0, 1.8, 33)  # TF Serving's buckets, as start, factor and number, in microseconds
SLOW_QUEUES = (100.0, 1.2, 54)
SIZES = (1.0, 2.0, 25)


def quoted(value):
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def labelled(names, values, **more):
    pairs = [*zip(names, values, strict=True), *more.items()]
    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in pairs) + "}" if pairs else ""


class Counter:
    """Counts by labels."""

    kind = "counter"

    def __init__(self, name, words, labels=()):
        self.name, self.words, self.labels, self.values = name, words, labels, {}
        self.lock = threading.Lock()

    def add(self, *labels):
        with self.lock:
            self.values[labels] = self.values.get(labels, 0) + 1

    def lines(self):
        with self.lock:
            return [f"{self.name}{labelled(self.labels, key)} {value}" for key, value in self.values.items()]


class Histogram:
    """Counts of values in growing buckets, by labels."""

    kind = "histogram"

    def __init__(self, name, words, labels, buckets):
        start, factor, number = buckets
        self.name, self.words, self.labels = name, words, labels
        self.bounds = [start * factor**i for i in range(number)]
        self.values = {}  # {labels: [sum, count of each bucket and of those beyond the last]}
        self.lock = threading.Lock()

    def add(self, value, *labels):
        with self.lock:
            total = self.values.setdefault(labels, [0.0, [0] * (len(self.bounds) + 1)])
            total[0] += value
            total[1][bisect.bisect_left(self.bounds, value)] += 1

    def lines(self):
        with self.lock:
            copied = {key: (total, list(counts)) for key, (total, counts) in self.values.items()}
        for key, (total, counts) in copied.items():
            bounds = [*(f"{bound:.6g}" for bound in self.bounds), "+Inf"]
            for bound, upto in zip(bounds, itertools.accumulate(counts), strict=True):
                yield f"{self.name}_bucket{labelled(self.labels, key, le=bound)} {upto}"
            yield f"{self.name}_sum{labelled(self.labels, key)} {total:.10g}"
            yield f"{self.name}_count{labelled(self.labels, key)} {sum(counts)}"


class Metrics:
    """All that the server counts."""

    def __init__(self):
        ours, batch = ":tensorflow:serving:", ":tensorflow:serving:batching_session:"
        api = ("model_name", "API")
        self.requests = Counter(f"{ours}request_count", "Requests by status.", ("model_name", "status"))
        self.latency = Histogram(
            f"{ours}request_latency", "Wall time of a request, us.", (*api, "entrypoint"), SLOW_REQUESTS
        )
        self.runtime = Histogram(f"{ours}runtime_latency", "Wall time of a run, us.", (*api, "runtime"), SLOW_REQUESTS)
        self.warm_up = Histogram(
            f"{ours}model_warmup_latency", "Wall time of the warm-up, us.", ("model_path", "status"), SLOW_REQUESTS
        )
        self.queueing = Histogram(f"{batch}queuing_latency", "Wall time in the queue, us.", (), SLOW_QUEUES)
        self.padding = Histogram(f"{batch}padding_size", "Rows added.", ("execution_batch_size",), SIZES)
        self.input_size = Histogram(f"{batch}input_batch_size", "Rows of a request.", (), SIZES)
        self.processed_size = Histogram(f"{batch}processed_batch_size", "Rows of a run.", (), SIZES)

    def text(self):
        """Everything, in Prometheus' text format 0.0.4."""
        out = []
        for metric in vars(self).values():
            out += [f"# HELP {metric.name} {metric.words}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(out) + "\n"
