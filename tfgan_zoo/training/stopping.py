"""What stops a run: a collapse, such as losses that are not finite, or a request to stop."""

import contextlib
import math
import signal
from collections.abc import Callable, Mapping
from types import FrameType

from tfgan_zoo.core.errors import ZooError


class Collapse(ZooError):
    """Training has collapsed.

    Attributes:
        step: after which it was detected.
        why: the values and their bounds, in words.
    """

    def __init__(self, step: int, why: str) -> None:
        super().__init__(
            f"step {step}: {why}. The run stops here, and its last checkpoint is from before; "
            "a lower learning rate or another seed may help."
        )
        self.step, self.why = step, why


def check_finite(step: int, values: Mapping[str, float]) -> None:
    """Raises a `Collapse` that names the step and every entry of `values` {name: float} that is not finite."""
    broken = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
    if broken:
        raise Collapse(step, ", ".join(broken))


class StopRequest:
    """A context in which SIGINT and SIGTERM ask the run to stop at its next pause. A second one stops it at once.

    Args:
        report: called with what the first one does, for the user.

    Attributes:
        received: the signal's number, 0 until one comes.
    """

    def __init__(self, report: Callable[[str], object] = lambda message: None) -> None:
        self.received, self.report = 0, report

    def __enter__(self) -> "StopRequest":
        self.before = {s: signal.signal(s, self.receive) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.received:
            raise KeyboardInterrupt
        self.received = number
        with contextlib.suppress(RuntimeError):  # raised if the signal came in the middle of another print
            self.report(
                "\nStopping with a checkpoint after this step, and after scores under way; once more stops at once."
            )
