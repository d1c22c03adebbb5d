"""What stops a run: a collapse, such as losses that are no numbers, and a person's wish."""

import math
import signal

from tfgan_zoo.core.errors import ZooError


class Collapse(ZooError):
    """A training that has gone wrong for good.

    Attributes:
        step: the one after which it was seen; why: the values and their bounds, in words.
    """

    def __init__(self, step, why):
        super().__init__(
            f"step {step}: {why}. The run stops here, and its last checkpoint is from before; "
            "a lower learning rate or another seed may help."
        )
        self.step, self.why = step, why


def check_finite(step, values):
    """Raises a `Collapse` that names the step and every term of `values` {name: float} that is no finite number."""
    broken = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
    if broken:
        raise Collapse(step, ", ".join(broken))


class StopRequest:
    """Turns SIGINT and SIGTERM, while it is entered, into a wish to stop at the next pause. A second one stops at once.

    Attributes:
        received: the signal's number, 0 until one comes.
    """

    def __init__(self):
        self.received = 0

    def __enter__(self):
        self.before = {s: signal.signal(s, self.receive) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def receive(self, number, frame):
        if self.received:
            raise KeyboardInterrupt
        self.received = number
