"""The scalars in a run's TensorBoard event files, and when the run was training."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np

Curve = tuple[np.ndarray, np.ndarray]  # (x, y), each [N]

MOST_POINTS = 400  # per curve on the page; longer curves are averaged down to it


@dataclasses.dataclass(frozen=True)
class History:
    """The scalars of a run.

    Attributes:
        curves: {name: (steps int64 [N], values float64 [N])}, steps ascending.
        sessions: (first, last) wall time, in seconds since 1970, of each process that trained the run, oldest first.
    """

    curves: dict[str, Curve]
    sessions: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        """The time spent in training, without the time between sessions."""
        return sum(last - first for first, last in self.sessions)

    def named(self, prefix: str, *, without: Collection[str] = ()) -> dict[str, Curve]:
        """{name without the prefix: curve} of the names that start with `prefix`, except those that end in `without`."""
        return {
            name.removeprefix(prefix): curve
            for name, curve in self.curves.items()
            if name.startswith(prefix) and not name.endswith(tuple(without))
        }


def read_history(folder: str | Path) -> History:
    """The `History` in the event files of a run's folder; empty if there are none.

    A resumed run repeats the steps since the last checkpoint before it was stopped. Of those steps the values of the
    later process count.
    """
    files = [read_events(path) for path in sorted(Path(folder).glob("events.out.tfevents.*"))]
    files = sorted((file for file in files if file[1]), key=lambda file: file[0])
    points: dict[str, list[tuple[int, float]]] = {}
    sessions: list[tuple[float, float]] = []
    repeated_from: float = np.inf
    for session, scalars in reversed(files):
        for name, values in scalars.items():
            earlier = [(step, value) for step, value in values.items() if step < repeated_from]
            points[name] = earlier + points.get(name, [])
        sessions.insert(0, session)
        repeated_from = min(repeated_from, *(min(values) for values in scalars.values()))
    ordered = {name: sorted(values) for name, values in points.items() if values}
    curves = {
        name: (np.array([step for step, _ in values], np.int64), np.array([value for _, value in values], np.float64))
        for name, values in ordered.items()
    }
    return History(curves, tuple(sessions))


def read_events(path: Path) -> tuple[tuple[float, float], dict[str, dict[int, float]]]:
    """((first, last) wall time, {name: {step: value}}) of an event file, up to where a crash may have truncated it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(path), size_guidance={"tensors": 0})
    events.Reload()
    times: list[float] = []
    scalars: dict[str, dict[int, float]] = {}
    for name in events.Tags()["tensors"]:
        if events.SummaryMetadata(name).plugin_data.plugin_name != "scalars":
            continue  # a text about a collapse, which is in collapses.jsonl too
        for event in events.Tensors(name):
            times.append(event.wall_time)
            scalars.setdefault(name, {})[event.step] = float(make_ndarray(event.tensor_proto))
    return (events.FirstEventTimestamp(), max(times)) if times else (0.0, 0.0), scalars


def thinned(steps: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> Curve:
    """A curve of at most `most` points; a longer one is replaced by the means over `most` equal parts."""
    if len(steps) <= most:
        return steps, values
    parts = np.array_split(np.arange(len(steps)), most)
    return np.array([steps[p].mean() for p in parts]), np.array([values[p].mean() for p in parts])
