"""Windows of signals given from Python: arrays, or the column of a frame."""

from __future__ import annotations

from typing import Any

import polars as pl

from limbeck.kinds.given.frames import from_pandas, is_pandas
from limbeck.kinds.signal.columns import AFTER, BEFORE, RECORD, SIGNAL, TIME
from limbeck.kinds.signal.encode import signal_rows
from limbeck.recipe import Input, Task

_KNOWN = (RECORD, TIME, BEFORE, AFTER)  # what a window may say of itself


def windows_in(frame: pl.DataFrame, task: Task) -> pl.DataFrame:  # noqa: ARG001
    """Return the frame: its rows are windows."""
    return frame


def windows_from(values: object, task: Task) -> pl.DataFrame:  # noqa: ARG001
    """Return windows that are given from Python as rows; see `signal_rows`."""
    return signal_rows(_windows(values))


def _windows(values: Any) -> Any:
    """Return a frame as one of polars, a column of windows as a list of them, anything else as it is."""
    if is_pandas(values) and SIGNAL in values.columns:
        return signal_rows(list(values[SIGNAL])).hstack(from_pandas(values, _KNOWN))
    return list(values.to_list()) if hasattr(values, "to_list") else values


def windows_given(frame: pl.DataFrame, task: Task, settings: Input) -> pl.DataFrame:  # noqa: ARG001
    """Return the rows of a frame in memory: its windows are checked when they are encoded."""
    return frame
