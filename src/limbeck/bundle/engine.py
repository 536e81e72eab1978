"""The open model of a classifier and what runs it: a pool of threads, or the calling thread alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.session import ConfinedSession, open_session
from limbeck.kinds.kind import Shapes

Probabilities = NDArray[np.float32]


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
