"""Where teachers are asked: by this process, or elsewhere by whoever takes their rows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from limbeck.teachers.base import Place, Teacher

Spread = Callable[[Place, Teacher], Teacher]
_spread: ContextVar[Spread | None] = ContextVar("spread", default=None)


@contextlib.contextmanager
def spreading(by: Spread) -> Iterator[None]:
    """Let ``by`` take the place of every teacher that is opened inside: it gets how it was opened, and the teacher."""
    before = _spread.set(by)
    try:
        yield
    finally:
        _spread.reset(before)


def spread(place: Place, teacher: Teacher) -> Teacher:
    """Return who is asked in a teacher's place; the teacher itself unless somebody spreads its rows."""
    by = _spread.get()
    return teacher if by is None else by(place, teacher)
