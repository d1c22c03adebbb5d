"""What a run's TensorBoard events tell: every scalar over its steps, and when it was at work."""

import dataclasses
from pathlib import Path

import numpy as np

MOST_POINTS = 400  # of a curve on the page; of more, means are shown


@dataclasses.dataclass(frozen=True)
class History:
    """The scalars of a run.

    curves: {name: (steps int64 [N], values float64 [N])}, steps rising.
    sessions: (first, last) wall time, in seconds since 1970, of each process that trained it, oldest first.
    """

    curves: dict
    sessions: tuple

    @property
    def seconds(self):
        """How long it was at work, the time between two sessions aside."""
        return sum(last - first for first, last in self.sessions)

    def named(self, prefix, *, without=()):
        """{rest of the name: curve} of the names that begin with `prefix` and end with none of `without`."""
        return {
            name.removeprefix(prefix): curve
            for name, curve in self.curves.items()
            if name.startswith(prefix) and not name.endswith(tuple(without))
        }


def read_history(folder):
    """The `History` in the event files of a run's folder; of a run without them it is empty.

    A resumed run takes steps again that an earlier process had taken since its last checkpoint: those of the earlier
    file, from the first step of the later one on, are left out.
    """
    files = [read_events(path) for path in sorted(Path(folder).glob("events.out.tfevents.*"))]
    files = sorted((file for file in files if file[1]), key=lambda file: file[0])
    curves, sessions, taken_again = {}, [], np.inf
    for session, scalars in reversed(files):
        for name, points in scalars.items():
            kept = [(step, value) for step, value in points.items() if step < taken_again]
            curves[name] = kept + curves.get(name, [])
        sessions.insert(0, session)
        taken_again = min(taken_again, *(min(points) for points in scalars.values()))
    curves = {name: sorted(points) for name, points in curves.items() if points}
    arrays = {
        name: (np.array([step for step, _ in points], np.int64), np.array([value for _, value in points], np.float64))
        for name, points in curves.items()
    }
    return History(arrays, tuple(sessions))


def read_events(path):
    """((first, last) wall time, {name: {step: value}}) of one event file; one that a crash cut off ends there."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(path), size_guidance={"tensors": 0})
    events.Reload()
    times, scalars = [], {}
    for name in events.Tags()["tensors"]:
        if events.SummaryMetadata(name).plugin_data.plugin_name != "scalars":
            continue  # the text on a collapse, which collapses.jsonl tells, too
        for event in events.Tensors(name):
            times.append(event.wall_time)
            scalars.setdefault(name, {})[event.step] = float(make_ndarray(event.tensor_proto))
    return (events.FirstEventTimestamp(), max(times)) if times else (0.0, 0.0), scalars


def thinned(steps, values, most=MOST_POINTS):
    """A curve of at most `most` points: where there are more, means over equal shares of them."""
    if len(steps) <= most:
        return steps, values
    parts = np.array_split(np.arange(len(steps)), most)
    return np.array([steps[p].mean() for p in parts]), np.array([values[p].mean() for p in parts])
