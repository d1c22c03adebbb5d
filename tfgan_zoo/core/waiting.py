"""What users see while they wait: a progress bar on a terminal, and a line now and then where there is none."""

import sys
import time
from collections.abc import Generator, Iterable
from typing import TypeVar

REPORT_EVERY = 30.0  # seconds between lines where there is no terminal

T = TypeVar("T")


def with_progress(items: Iterable[T], total: int, title: str, unit: str = "") -> Generator[T]:
    """Yields the same items, with a progress bar on a terminal, or else a line every 30 s: "title: 3 of 8 unit", or "title: 38%"."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import track

    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(items, escape(title), total, console=console, transient=True)
        return
    reported = time.monotonic()
    for count, item in enumerate(items, 1):
        if time.monotonic() - reported > REPORT_EVERY:
            reported = time.monotonic()
            done = f"{count:,} of {total:,} {unit}" if unit else f"{count / total:.0%}"
            print(f"{title}: {done}", file=sys.stderr, flush=True)
        yield item
