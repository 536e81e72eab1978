"""What long work tells its caller: typed progress events, and how a caller stops it at a safe point.

Both are held in context variables, so that nobody hands them down; threads get them with `contextvars.copy_context`.
Without a listener the terminal shows the same events, see `limbeck.progress`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from limbeck.errors import LimbeckError

PER_SECOND = 10  # events of a stage that a listener gets in a second at most
GAP = 0.2  # seconds between two counts of a stage: messages need room too


@dataclass(frozen=True)
class Event:
    """One step of a run.

    Parameters
    ----------
    stage
        What is being done: ``read``, ``prepare``, ``teachers``, ``fit``, ``export``, ``evaluate``, ``predict``,
        ``compare``; ``folds`` and ``search`` where several students are trained.
    done, total
        Items that are done, and of how many; None where that is not known yet. They are equal in a stage's last event.
    figures
        Numbers by name: of ``fit`` ``epoch`` (from 1), ``epochs``, ``train_loss``, ``learning_rate``, ``seconds_left``,
        and once an epoch has ended the metrics on valid.
    message
        Lines for people, as the command line prints them.
    at
        Seconds since 1970.
    """

    stage: str
    done: int = 0
    total: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    message: str | None = None
    at: float = field(default_factory=time.time)


Listener = Callable[[Event], None]


class Cancelled(LimbeckError):  # noqa: N818 - the name that concurrent.futures and trio use
    """A run was stopped by its `Token`; what it needs to go on is kept."""

    code = "cancelled"


class Token:
    """Stops the run that it was given to, at its next safe point; any thread may call it."""

    def __init__(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        """Ask the run to stop. A run that begins with a cancelled token stops at once."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked."""
        return self._cancelled


class _Stage:
    """The stage that a run is in, and how far it has come."""

    def __init__(self, name: str) -> None:
        self.name, self.done = name, 0


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_tokens: ContextVar[tuple[Token, ...]] = ContextVar("tokens", default=())
_stage: ContextVar[_Stage | None] = ContextVar("stage", default=None)


def listener() -> Listener | None:
    """Return who listens; None where the terminal does."""
    return _listener.get()


def emit(
    *, done: int | None = None, total: int | None = None, figures: Mapping[str, float] | None = None,
    message: str | None = None, otherwise: Listener | None = None,
) -> None:  # fmt: skip
    """Tell the listener, or where there is none ``otherwise``, of a step of the current stage.

    What a listener raises goes through: it ends the run.
    """
    heard = _listener.get() or otherwise
    if heard is None:
        return
    stage = _stage.get() or _Stage("run")
    stage.done = stage.done if done is None else done
    heard(Event(stage.name, stage.done, total, dict(figures or {}), message))


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Name what is done inside, and tell of its beginning and its end; stages inside a stage are part of it."""
    if _stage.get() is not None:
        yield
        return
    own = _Stage(name)
    before = _stage.set(own)
    try:
        emit(done=0)
        yield
        own.done = max(own.done, 1)
        emit(total=own.done)
    finally:
        _stage.reset(before)


@contextlib.contextmanager
def listening(to: Listener | None) -> Iterator[None]:
    """Let ``to`` hear what happens inside, and nothing else; None changes nothing."""
    if to is None:
        yield
        return
    paced = Paced(to)
    before = _listener.set(paced)
    inside = _stage.set(None)
    try:
        yield
    finally:
        _stage.reset(inside)
        _listener.reset(before)
        paced.flush()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Let nobody hear what happens inside."""
    before = _listener.set(lambda _: None)
    try:
        yield
    finally:
        _listener.reset(before)


@contextlib.contextmanager
def cancelling(token: Token | None) -> Iterator[None]:
    """Let a token stop what happens inside, besides those that can already."""
    before = _tokens.set(_tokens.get() if token is None else (*_tokens.get(), token))
    try:
        yield
    finally:
        _tokens.reset(before)


@contextlib.contextmanager
def told(progress: Listener | None, cancel: Token | None) -> Iterator[None]:
    """Do what `listening` and `cancelling` do: the two arguments of the public functions."""
    with listening(progress), cancelling(cancel):
        yield


def cancelled() -> bool:
    """Whether a token asks this run to stop."""
    return any(token.cancelled for token in _tokens.get())


def check(fix: str | None = None) -> None:
    """Stop here if a token asks for it: a safe point.

    Raises
    ------
    Cancelled
        In one line that ends with ``fix``, how to go on.
    """
    if cancelled():
        raise Cancelled("stopped before it was finished", fix=fix)


class Paced:
    """A listener that gets at most `PER_SECOND` events of a stage in a second, one at a time, and loses no message.

    The first and the last event of a stage always come. Counts in between are left out, messages wait for the stage's
    next event, or the beginning of another stage.
    """

    def __init__(self, to: Listener) -> None:
        self._to, self._lock = to, threading.RLock()
        self._stage, self._counted, self._failed = "", 0.0, False
        self._sent: deque[float] = deque(maxlen=PER_SECOND)
        self._waiting: Event | None = None

    def __call__(self, event: Event) -> None:
        """Deliver an event, or leave it out, or keep its message for later."""
        with self._lock:
            now = time.monotonic()
            first, last = event.stage != self._stage, event.done == event.total
            if first:
                self.flush()
                self._stage = event.stage
                self._sent.clear()
            full = len(self._sent) == PER_SECOND and now - self._sent[0] < 1.0
            wanted = event.message is not None or now - self._counted >= GAP
            if not (first or last) and (full or not wanted):
                if event.message is not None:
                    self._waiting = self._joined(event)
                return
            event, self._waiting = self._joined(event), None
            self._sent.append(now)
            self._counted = now
            self._send(event)

    def flush(self) -> None:
        """Deliver the messages that wait."""
        with self._lock:
            event, self._waiting = self._waiting, None
            if event is not None and not self._failed:
                self._send(event)

    def _joined(self, event: Event) -> Event:
        """Return an event with the messages that wait in front of its own."""
        if self._waiting is None:
            return event
        lines = [line for line in (self._waiting.message, event.message) if line is not None]
        return replace(event, figures={**self._waiting.figures, **event.figures}, message="\n".join(lines))

    def _send(self, event: Event) -> None:
        try:
            self._to(event)
        except BaseException:
            self._failed = True
            raise
