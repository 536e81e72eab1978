"""SIGTERM, by which service managers and schedulers stop a command: it ends at its next safe point.

A second one, or `GRACE` seconds without a safe point (a read that waits for a pipe, say), end it where it is, as Ctrl-C
does. All outputs appear whole or not at all, so nothing is damaged then; of a training the last minute may be lost.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from limbeck.events import Token, cancelling

GRACE = 8.0  # seconds; Docker gives ten
STATUS = 128 + 15  # the exit status of what SIGTERM has ended
SAFE = ("train", "evaluate", "compare", "predict", "tune")  # the verbs that look for a token


class Terminated(BaseException):
    """SIGTERM has come, and no safe point was met."""


class Stop:
    """Whether SIGTERM has come."""

    def __init__(self) -> None:
        self.token = Token()

    def asked(self, *_: Any) -> None:
        """Ask the run to stop, and end it if it does not."""
        self.token.cancel()
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, _end)
        signal.setitimer(signal.ITIMER_REAL, GRACE)


def _end(*_: Any) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    raise Terminated


@contextlib.contextmanager
def stoppable(verb: str | None, stop: Stop) -> Iterator[None]:
    """Let SIGTERM stop a verb that has safe points; others it ends as it ends any program."""
    if verb not in SAFE or not hasattr(signal, "setitimer"):  # Windows has none
        yield
        return
    try:
        before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGALRM)]
        signal.signal(signal.SIGTERM, stop.asked)
    except ValueError:  # signals are for the main thread
        yield
        return
    try:
        with cancelling(stop.token):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before:
            signal.signal(number, handler)
