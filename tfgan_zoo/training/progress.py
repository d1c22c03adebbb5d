"""The progress line of a run: live on a terminal, an occasional line in a log."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

QUIET_SECONDS = 15  # between two lines in a log


def duration(seconds: float) -> str:
    """75 -> "1:15"; 3700 -> "1:01:40"."""
    seconds = round(seconds)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


class Progress:
    """A context in which `update` reports the state of a run.

    Args:
        total: steps of the run.
        start: steps already taken.
        seen: function of a step, the real images that the discriminator has seen by then.
        console: where to write; stderr by default.
    """

    def __init__(self, total: int, start: int, seen: Callable[[int], int], console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.total, self.start, self.seen = total, start, seen
        self.live = (
            Live(Text("Tracing the first step ..."), console=self.console, refresh_per_second=4)
            if self.console.is_terminal
            else None
        )
        self.began = self.last_time = time.monotonic()
        self.last_line, self.last_step = -1e9, start
        self.rate = 0.0

    def __enter__(self) -> "Progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.live:
            self.live.stop()

    def update(self, step: int, means: dict[str, float]) -> None:
        """Shows the losses among `means` {log name: float}, and sets `rate`, images/s since the last update."""
        now = time.monotonic()
        if step > self.last_step:
            self.rate = (self.seen(step) - self.seen(self.last_step)) / max(now - self.last_time, 1e-9)
        self.last_time, self.last_step = now, step
        done = step - self.start
        left = (now - self.began) / max(done, 1) * (self.total - step)
        losses = "  ".join(
            f"{name} {value:.3f}" for name, value in means.items() if not name.endswith(("_norm", "learning_rate"))
        )
        line = (
            f"step {step:,}/{self.total:,}  {self.seen(step):,} images  {self.rate:,.0f} images/s  "
            f"{duration(left)} left  {losses}"
        )
        if self.live:
            bar = "━" * round(20 * step / self.total)
            self.live.update(Text.assemble((bar.ljust(20, "─"), "cyan"), "  ", line))
        elif now - self.last_line > QUIET_SECONDS or step == self.total:
            self.last_line = now
            self.console.print(line, soft_wrap=True)
