"""The open model of a classifier, what runs it, and what passes for its answer.

It runs in a pool of threads, or in the calling thread alone. What a broken or hostile model gives must not pass for
probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.session import ConfinedSession, open_session
from limbeck.errors import LimbeckError
from limbeck.kinds.kind import Shapes

Probabilities = NDArray[np.float32]

_TOLERANCE = 1e-3  # of a row's sum; int8 and half precision stay far below
_AGAIN = "copy the bundle again, or export it anew"


class Engine:
    """An open model and what runs it: ``threads`` threads, or with 0 the thread that asks."""

    def __init__(self, file: Path, threads: int, largest: Sequence[Shapes]) -> None:
        self.session = open_session(file, inside=file.parent, feeds=largest)
        self.pool: Executor = ThreadPoolExecutor(threads, thread_name_prefix="limbeck") if threads else Inline()

    def close(self) -> None:
        """Stop the threads and end the child process, where the model runs in one."""
        self.pool.shutdown(cancel_futures=True)
        if isinstance(self.session, ConfinedSession):
            self.session.close()


class Inline(Executor):
    """An executor without threads: what is submitted runs at once, in the calling thread."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the function; the future that is returned is done."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuse further work."""
        del wait, cancel_futures
        self._closed = True


def done(value: Any) -> Future[Any]:
    """Return a future that has its result."""
    future: Future[Any] = Future()
    future.set_result(value)
    return future


class Answer:
    """Probabilities that are being computed, batch by batch."""

    def __init__(self, rows: int, classes: int, parts: list[tuple[NDArray[np.int64], Future[Probabilities]]]) -> None:
        self._shape, self._parts = (rows, classes), parts

    def result(self) -> Probabilities:
        """Wait for every batch and return float32 [N, C] in the order of the rows."""
        if self._shape[0] == 1 == len(self._parts):  # the usual request to a server
            only: Probabilities = self._parts[0][1].result()
            return only
        out = np.empty(self._shape, dtype=np.float32)
        for rows, future in self._parts:
            out[rows] = future.result()
        return out


def as_probabilities(answer: Any, rows: int, classes: int, where: Path) -> NDArray[np.float32]:
    """Return a model's answer as float32 [N, C] when it is one.

    Raises
    ------
    LimbeckError
        When it has another shape or type, or a row holds a number that is no probability, or does not sum to one.
    """
    found = _numbers(answer, where)
    if found.shape != (rows, classes):
        what = f"the model answers {rows} rows of {classes} classes with the shape {list(found.shape)}"
        raise LimbeckError(what, where=where, fix=_AGAIN)
    if rows:
        with np.errstate(invalid="ignore", over="ignore"):
            sums = found.sum(axis=1)
            # So written that NaN fails: it compares with nothing.
            good = bool((found >= -_TOLERANCE).all() and (abs(sums - 1.0) <= _TOLERANCE).all())
        if not good:
            with np.errstate(invalid="ignore", over="ignore"):
                fine = (found >= -_TOLERANCE).all(axis=1) & (abs(sums - 1.0) <= _TOLERANCE)
            shown = ", ".join(f"{value:.4g}" for value in found[int(fine.argmin())][:8])
            what = f"the model answers a row with ({shown}), which are no probabilities"
            raise LimbeckError(what, where=where, fix=_AGAIN)
    return found


def as_independent(answer: Any, rows: int, labels: int, where: Path) -> NDArray[np.float32]:
    """Return a model's answer as float32 [N, L], a probability for each label by itself, when it is one.

    Raises
    ------
    LimbeckError
        When it has another shape or type, or holds a number that is no probability.
    """
    found = _numbers(answer, where)
    with np.errstate(invalid="ignore"):
        good = found.shape == (rows, labels) and bool(((found >= 0) & (found <= 1)).all())
    if not good:
        what = f"the model answers {rows} rows of {labels} labels with what are no probabilities for them"
        raise LimbeckError(what, where=where, fix=_AGAIN)
    return found


def as_maps(answer: Any, rows: int, where: Path) -> NDArray[np.float32]:
    """Return a model's maps as float32 [N, h, w] when it gives one for each row.

    Raises
    ------
    LimbeckError
        When it does not, or they hold a number that is not finite.
    """
    found = _numbers(answer, where)
    if found.ndim != 3 or len(found) != rows or not np.isfinite(found).all():
        what = f"the model gives maps of the shape {list(found.shape)} for {rows} rows, or some that are not finite"
        raise LimbeckError(what, where=where, fix=_AGAIN)
    return found


def _numbers(answer: Any, where: Path) -> NDArray[np.float32]:
    if not isinstance(answer, np.ndarray) or answer.dtype != np.float32:
        kind = f"numbers of type {answer.dtype}" if isinstance(answer, np.ndarray) else f"a {type(answer).__name__}"
        raise LimbeckError(f"the model answers with {kind} instead of float32", where=where, fix=_AGAIN)
    return answer
