"""Frames and arrays from Python: what is in them, and those of pandas, NumPy and Arrow as polars frames.

Only the columns that are asked for are converted, one by one, so that neither pandas nor pyarrow is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.process.forks import refuse_forked


def has_texts(X: Any) -> bool:
    """Return whether X is a frame with a column that is no number."""
    if isinstance(X, pl.DataFrame):
        return any(not dtype.is_numeric() and dtype != pl.Boolean for dtype in X.dtypes)
    if not is_pandas(X):
        return False
    return any(getattr(dtype, "kind", "O") not in "iufb" for dtype in X.dtypes)


def is_pandas(X: Any) -> bool:
    """Return whether X is a pandas frame, or one with the same few attributes."""
    return hasattr(X, "columns") and hasattr(X, "dtypes") and not isinstance(X, pl.DataFrame | pl.LazyFrame)


def frame_of(X: Any, names: Sequence[str] | None = None) -> pl.DataFrame | None:
    """Return a frame of pandas, polars or Arrow as a polars frame; None where X is no frame.

    Parameters
    ----------
    names
        The columns that are wanted, where they are there; by default all.

    Raises
    ------
    LimbeckError
        For a lazy frame, and for a wanted column that is there twice.
    """
    if isinstance(X, pl.DataFrame):
        refuse_forked()
        return X
    if isinstance(X, pl.LazyFrame):
        raise LimbeckError("expected rows, got a LazyFrame", fix="give frame.collect()")
    if is_pandas(X):
        return from_pandas(X, names)
    if hasattr(X, "column_names") and hasattr(X, "__arrow_c_stream__"):
        return pl.DataFrame(X)
    return None


def from_pandas(X: Any, names: Sequence[str] | None = None) -> pl.DataFrame:
    """Return the named columns of a pandas frame, by default all: numbers and flags as they are, all else as text."""
    columns: dict[str, pl.Series] = {}
    for label in X.columns:
        name = str(label)
        if names is not None and name not in names:
            continue
        series = X[label]
        if name in columns or getattr(series, "ndim", 1) != 1:
            raise LimbeckError(f"the frame has the column {name!r} twice", fix="rename or drop one")
        columns[name] = _from_pandas(series)
    return pl.DataFrame(columns)


def _from_pandas(series: Any) -> pl.Series:
    gone = np.asarray(series.isna(), dtype=bool)
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iu" and not gone.any():
        return pl.Series(series.to_numpy(dtype=np.int64 if kind == "i" else np.uint64))
    if kind in "iuf":
        return pl.Series(series.to_numpy(dtype=np.float64, na_value=np.nan)).fill_nan(None)
    cells = series.tolist()
    if kind == "b":
        return pl.Series([None if no else bool(cell) for cell, no in zip(cells, gone, strict=True)], dtype=pl.Boolean)
    return pl.Series([None if no else str(cell) for cell, no in zip(cells, gone, strict=True)], dtype=pl.String)


def by_position(X: Any, names: Sequence[str]) -> pl.DataFrame:
    """Return a 2-D array, of NumPy or sparse, whose columns stand in the order of ``names``.

    Raises
    ------
    LimbeckError
        When it is not two-dimensional, or has another number of columns.
    """
    shape = list(X.shape)
    if len(shape) != 2 or shape[1] != len(names):
        what = f"expected an array of shape [rows, {len(names)}], got {shape}"
        one = len(shape) == 1 and shape[0] == len(names)
        raise LimbeckError(what, fix="give [row]" if one else in_order(names))
    if hasattr(X, "toarray"):
        X = X.toarray()
    if isinstance(X, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(X)
        X = np.asarray(X.data).astype(object)
        X[hidden] = None
    return pl.DataFrame([column_of(name, X[:, at]) for at, name in enumerate(names)])


def in_order(names: Sequence[str]) -> str:
    """Return a hint that names the columns of a row by position."""
    return f"the columns are, in this order: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"


def column_of(name: str, cells: Any) -> pl.Series:
    """Return cells, an array or a list, as a column: numbers where all are, else texts; NaN is missing.

    Raises
    ------
    LimbeckError
        When they are no cells of a table.
    """
    try:
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb":
            series = pl.Series(name, np.ascontiguousarray(cells))
        else:
            series = pl.Series(name, list(cells), strict=False)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        what = "its values are no numbers, texts, dates or flags"
        raise LimbeckError(what, where=f"column {name!r}", fix="convert them") from error
    return series.fill_nan(None) if series.dtype.is_float() else series


def names_of(values: Any, frame: pl.DataFrame) -> list[str]:
    """Return the names of the columns that were given, of which a frame made of them may hold only the wanted ones."""
    if is_pandas(values):
        return [str(name) for name in values.columns]
    if isinstance(values, Mapping):
        return [str(name) for name in values]
    if isinstance(values, np.ndarray) and values.dtype.names:
        return list(values.dtype.names)
    return frame.columns
