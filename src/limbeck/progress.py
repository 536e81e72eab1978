"""One progress bar for the whole tool: live on a terminal, plain lines elsewhere, on stderr.

It is what shows the events of `limbeck.events` where no caller listens. Standard output stays free for results, so that
``limbeck evaluate --json | jq`` works.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping

from limbeck.errors import printable
from limbeck.events import Event, Listener, emit, listener, silent

Advance = Callable[..., None]


@contextlib.contextmanager
def hushed(really: bool = True) -> Iterator[None]:
    """Say nothing inside: for callers that are a library and not a command."""
    with silent() if really else contextlib.nullcontext():
        yield


def say(line: str, figures: Mapping[str, float] | None = None, **counts: int) -> None:
    """Tell the listener one line, with what is counted (``done``, ``total``); the terminal prints it to stderr."""
    emit(message=line, figures=figures, otherwise=_print, **counts)


def _print(event: Event) -> None:
    """Print a message; hours of work do not end because a log's disk is full."""
    with contextlib.suppress(OSError):
        sys.stderr.write(printable(event.message or "") + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def progress(
    title: str, total: int | None, *, quiet: bool = False, every: float = 10.0, named: bool = False,
    before: int = 0, whole: int | None = None,
) -> Iterator[Advance]:  # fmt: skip
    """Yield a function to call with the number of items done since the last call, and with figures by name.

    Parameters
    ----------
    title
        What is being done, e.g. ``"epoch 3"``.
    total
        Number of items, or None when it is not known.
    every
        Seconds between plain lines when stderr is not a terminal.
    named
        Tell a listener the title: where one stage counts several things.
    before, whole
        For a listener that counts on: the items of the stage before these, and all of the stage.
    """
    if quiet:
        yield lambda *_, **__: None
        return
    heard = listener()
    with contextlib.nullcontext() if heard is not None else _terminal(title, total, every) as shown:
        done = 0
        if named:
            emit(done=before, total=total if whole is None else whole, message=title, otherwise=lambda _: None)

        def advance(count: int, **figures: float) -> None:
            nonlocal done
            done += count
            if heard is None:
                assert shown is not None
                shown(Event("", done, total))
            else:
                emit(done=before + done, total=total if whole is None else whole, figures=figures)

        yield advance


@contextlib.contextmanager
def _terminal(title: str, total: int | None, every: float) -> Iterator[Listener]:
    """Yield a listener that shows how far a count has come."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda event: bar.update(task, completed=event.done)
        return
    last = time.monotonic()

    def show(event: Event) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every:
            last = now
            _print(Event("", message=f"{title}: {event.done:,}" + (f" of {total:,}" if total else "")))

    yield show
