"""What a teacher reads of the rows: one column of texts, or several of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import did_you_mean
from limbeck.teachers.base import AnswerError, Bools


def need(rows: pl.DataFrame, columns: Iterable[str], name: str) -> None:
    """Refuse rows that lack a column which the teacher reads."""
    for column in columns:
        if column not in rows.columns:
            fix = f"{did_you_mean(column, rows.columns)}; name it in the teacher's input"
            raise AnswerError(f"it reads the column {column!r}, which the rows lack", teacher=name, fix=fix)


def _flat(given: pl.Series, name: str) -> pl.Series:
    if given.dtype.is_nested() or given.dtype == pl.Object:
        what = f"the column {given.name!r} holds {given.dtype}, where texts or numbers are wanted"
        raise AnswerError(what, teacher=name, fix="name another column in its input")
    return given


def texts(rows: pl.DataFrame, column: str, name: str) -> tuple[list[str], Bools]:
    """Return a column's N texts (empty ones ``""``) and bool [N]: there is one."""
    need(rows, [column], name)
    given = _flat(rows[column], name).cast(pl.String)
    there = (given.str.strip_chars() != "").fill_null(False)
    return given.fill_null("").to_list(), there.to_numpy()


def numbers(rows: pl.DataFrame, columns: Sequence[str], name: str, kind: Any = np.float64) -> NDArray[Any]:
    """Return [N, F] of the columns, NaN where a cell is empty; a cell that is no number is an error.

    ``kind`` is a type of floats; numbers too large for it become infinite.
    """
    need(rows, columns, name)
    out = np.empty((rows.height, len(columns)), dtype=np.float64)
    for at, column in enumerate(columns):
        given = _flat(rows[column], name)
        if given.dtype == pl.String:
            given = given.str.strip_chars()
            given = given.set(given == "", None)
        read = given.cast(pl.Float64, strict=False)
        if (
            bad := (read.is_null() & given.is_not_null()).arg_max()
        ) is not None and read.null_count() > given.null_count():
            what = f"{str(given[bad])[:40]!r} in the column {column!r} is no number"
            raise AnswerError(what, teacher=name, row=int(bad), fix="fix the cell, or leave it empty")
        out[:, at] = read.fill_null(np.nan).to_numpy()
    with np.errstate(over="ignore"):
        return out.astype(kind, copy=False)


def spread(answers: ArrayLike, there: Bools) -> NDArray[np.float64]:
    """Return answers [M, C] of the rows that are there as [N, C], NaN elsewhere."""
    given = np.asarray(answers, dtype=np.float64)
    out = np.full((len(there), given.shape[1]), np.nan)
    out[there] = given
    return out
