"""Frames from Python: what is in them, and those of pandas as polars frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl


def has_texts(X: Any) -> bool:
    """Return whether X is a frame with a column that is no number."""
    if isinstance(X, pl.DataFrame):
        return any(not dtype.is_numeric() and dtype != pl.Boolean for dtype in X.dtypes)
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return False
    return any(getattr(dtype, "kind", "O") not in "iufb" for dtype in X.dtypes)


def from_pandas(X: Any) -> pl.DataFrame:
    """Return a pandas frame as a polars one, numbers as floats and all else as text; polars itself wants pyarrow."""
    columns = {}
    for name in X.columns:
        series, gone = X[name], np.asarray(X[name].isna(), dtype=bool)
        if getattr(series.dtype, "kind", "O") in "iuf":
            columns[str(name)] = pl.Series(series.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            cells = [None if empty else str(cell) for cell, empty in zip(series, gone, strict=True)]
            columns[str(name)] = pl.Series(cells, dtype=pl.String)
    return pl.DataFrame(columns)
