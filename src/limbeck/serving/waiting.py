"""Requests that wait for a batch: their pieces are joined to one, and its answers are taken apart again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.engine import Probabilities
from limbeck.kinds.select import Unreadable, Values


class Outcome(NamedTuple):
    """The answers to N rows, worked out for a whole batch at once.

    Attributes
    ----------
    probabilities
        float32 [N, C], NaN for rows without an answer.
    decided
        int64 [N], class indices, -1 for rows without an answer.
    margins
        float32 [N]; see `limbeck.bundle.answer.Answers`.
    errors
        Why rows have no answer, by place.
    """

    probabilities: Probabilities
    decided: NDArray[np.int64]
    margins: NDArray[np.float32]
    errors: Unreadable

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What has one entry for each row."""
        return self[:3]


class Waiting:
    """A request that waits for its answer."""

    __slots__ = ("arrived", "cost", "deadline", "done", "errors", "future", "gone", "out", "rows", "values", "watch")

    def __init__(self, values: Values, cost: int, deadline: float, future: asyncio.Future[Outcome]) -> None:
        self.values, self.rows, self.cost, self.deadline, self.future = values, len(values), cost, deadline, future
        self.arrived = time.perf_counter()
        self.done = 0
        self.out: tuple[NDArray[Any], ...] | None = None
        self.errors: Unreadable = {}
        self.gone: Callable[[], Awaitable[None]] | None = None
        self.watch: asyncio.Task[None] | None = None


def deliver(waiting: Waiting, at: int, rows: int, outcome: Outcome, start: int) -> None:
    """Give a request its part of a batch's answers; when it is complete, the request is answered."""
    if outcome.errors:
        waiting.errors.update((at + place - start, error) for place, error in outcome.errors.items()
                              if start <= place < start + rows)  # fmt: skip
    parts = tuple(array[start : start + rows] for array in outcome.arrays)
    if rows == waiting.rows:
        waiting.out = parts
    else:
        if waiting.out is None:
            waiting.out = tuple(np.empty((waiting.rows, *part.shape[1:]), dtype=part.dtype) for part in parts)
        for whole, part in zip(waiting.out, parts, strict=True):
            whole[at : at + rows] = part
    if waiting.done == waiting.rows:
        assert waiting.out is not None
        p, decided, margins = waiting.out
        waiting.future.set_result(Outcome(p, decided, margins, waiting.errors))


def piece(waiting: Waiting, rows: int) -> Values:
    """Return the next rows of a request."""
    if waiting.done == 0 and rows == waiting.rows:
        return waiting.values
    return waiting.values[waiting.done : waiting.done + rows]


def alike(one: Values, other: Values) -> bool:
    """Whether values can be answered together: frames only when their columns are the same."""
    return not isinstance(one, pl.DataFrame) or one.schema == other.schema


def joined(parts: list[Values]) -> Values:
    """Return the values of a batch, of pieces that are `alike`."""
    if len(parts) <= 1:
        return parts[0] if parts else []
    if isinstance(parts[0], pl.DataFrame):
        return pl.concat(parts)
    return [value for part in parts for value in part]
