"""Rows given in Python where a file may be named: frames, dictionaries and lists of them, with all their columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from limbeck.errors import LimbeckError
from limbeck.kinds.given.frames import column_of, frame_of, from_pandas, is_pandas
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.encode import signal_rows


def rows_given(data: object) -> pl.DataFrame | None:
    """Return rows that are given where a file may be named, with all their columns; None for a path.

    Rows are a frame of polars, pandas or Arrow, a list of dictionaries, or a dictionary of columns.

    Raises
    ------
    LimbeckError
        When they are neither.
    """
    if isinstance(data, str | os.PathLike):
        return None
    if is_pandas(data):
        others = [str(name) for name in data.columns if name != SIGNAL]  # type: ignore[attr-defined]
        frame: pl.DataFrame | None = from_pandas(data, others)
        if SIGNAL in data.columns and frame is not None:  # type: ignore[attr-defined]
            frame = signal_rows(list(data[SIGNAL])).hstack(frame)  # type: ignore[index]
    else:
        frame = frame_of(data)
    if frame is not None:
        return frame
    columns: dict[str, list[Any]] = {}
    if isinstance(data, Mapping):
        columns = {str(name): list(cells) for name, cells in data.items() if hasattr(cells, "__iter__")}
    elif isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
        names = dict.fromkeys(name for row in data for name in row)
        columns = {str(name): [row.get(name) for row in data] for name in names}
    if not columns or (isinstance(data, Mapping) and len({len(cells) for cells in columns.values()}) != 1):
        raise LimbeckError(f"expected a path, a DataFrame or a list of dicts, got {type(data).__name__}")
    windows = [signal_rows(columns.pop(SIGNAL))] if SIGNAL in columns else []
    return pl.concat([*windows, pl.DataFrame([column_of(*pair) for pair in columns.items()])], how="horizontal")
