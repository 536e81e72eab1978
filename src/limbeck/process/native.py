"""Calls of libraries written in Rust: a panic becomes an ordinary error of one line.

pyo3 raises a panic as an exception that is no `Exception`, so that no handler of broken input would see it, and Rust
prints it to standard error by itself.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_silent: list[int] = []  # how many are inside; then the descriptor that standard error had


class PanicError(Exception):
    """A library written in Rust gave up; the text is what it said."""


@contextlib.contextmanager
def panics_caught(*, silent: bool = False) -> Iterator[None]:
    """Raise `PanicError` where the library inside panics.

    Parameters
    ----------
    silent
        Keep what it prints off standard error, which for that time prints nothing of other threads either: for short
        calls of what came out of a file.
    """
    with _silenced() if silent else contextlib.nullcontext():
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise PanicError(str(error)) from error


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Lead the process's standard error nowhere while any thread is inside."""
    with _lock:
        if not _silent:
            _silent[:] = [0, _led_away()]
        _silent[0] += 1
    try:
        yield
    finally:
        with _lock:
            _silent[0] -= 1
            if not _silent[0]:
                kept = _silent[1]
                _silent.clear()
                if kept >= 0:
                    os.dup2(kept, 2)
                    os.close(kept)


def _led_away() -> int:
    """Point descriptor 2 at nothing; return where it pointed, or -1 where there is no standard error."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):
        return -1
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return kept
