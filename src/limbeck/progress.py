"""One progress bar for the whole tool: live on a terminal, plain lines elsewhere, on stderr.

Standard output stays free for results, so that ``limbeck evaluate --json | jq`` works.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from limbeck.errors import printable

Advance = Callable[[int], None]
_hushed = ContextVar("hushed", default=False)


@contextlib.contextmanager
def hushed(really: bool = True) -> Iterator[None]:
    """Say nothing inside: for callers that are a library and not a command."""
    before = _hushed.set(really or _hushed.get())
    try:
        yield
    finally:
        _hushed.reset(before)


def say(line: str) -> None:
    """Print one plain line to stderr, unless `hushed`; hours of work do not end because a log's disk is full."""
    if _hushed.get():
        return
    with contextlib.suppress(OSError):
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def progress(title: str, total: int | None, *, quiet: bool = False, every: float = 10.0) -> Iterator[Advance]:
    """Yield a function to call with the number of items done since the last call.

    Parameters
    ----------
    title
        What is being done, e.g. ``"epoch 3"``.
    total
        Number of items, or None when it is not known.
    every
        Seconds between plain lines when stderr is not a terminal.
    """
    if quiet or _hushed.get():
        yield lambda _: None
        return
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda count: bar.advance(task, count)
        return
    done, last = 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last >= every:
            last = now
            say(f"{title}: {done:,}" + (f" of {total:,}" if total else ""))

    yield advance
