"""Rows given from Python as what a task reads: frames, lists and arrays; all else is refused with the call to write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from limbeck.data.labels import need_inputs
from limbeck.errors import LimbeckError
from limbeck.kinds.image.decode import Picture
from limbeck.kinds.select import Values, values_of
from limbeck.kinds.signal.columns import AFTER, BEFORE, RECORD, SIGNAL, TIME
from limbeck.kinds.signal.encode import signal_rows
from limbeck.kinds.table.frames import by_position, column_of, frame_of, from_pandas, in_order, is_pandas
from limbeck.process.forks import refuse_forked
from limbeck.recipe import Task

_KNOWN = (RECORD, TIME, BEFORE, AFTER)  # what a window may say of itself
_READ = (str, Path, Image.Image, np.ndarray, Picture)  # what a picture may be


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


def checked_values(values: object, task: Task) -> Values:
    """Return values given from Python as what the task reads; a text that is missing is "".

    Raises
    ------
    LimbeckError
        When a text is not a string, a picture neither path nor image nor array, or rows of a table are neither a frame
        nor dictionaries nor as wide as the task; it says which call is right.
    """
    if task.rows in ("table", "signal"):
        refuse_forked()  # before polars waits for threads that are gone
    if task.rows == "table":
        return _table(values, task)
    if task.rows == "signal":
        return signal_rows(_windows(values))
    name = task.inputs[0]
    if (frame := frame_of(values, [name])) is not None:
        need_inputs(_names(values, frame), task, f"the {type(values).__name__}")
        return values_of(frame, task)
    wanted = "pictures" if task.rows == "image" else "texts"
    items = _listed(values[name] if isinstance(values, Mapping) and name in values else values, wanted)
    return _pictures(items) if task.rows == "image" else _texts(items, name)


def _listed(values: object, wanted: str) -> list[Any]:
    """Return the items of a sequence; of what is none, or has no order, say what to give."""
    got, mend = type(values).__name__, f"give a list of {wanted}: [{wanted[:-1]}]"
    if isinstance(values, Mapping):
        mend = f"give a list of {wanted}"
    elif isinstance(values, Set):
        mend = "give a list: a set has no order"
    elif isinstance(values, np.ndarray) and values.ndim != 1 and not (wanted == "pictures" and values.ndim == 4):
        got = f"an array of shape {list(values.shape)}"
        if values.ndim == 2 and values.dtype.kind in "OUT":
            mend = "give array[:, 0]"
    elif isinstance(values, str | bytes | Path | Image.Image):
        pass
    elif not hasattr(values, "__iter__"):
        mend = f"give a list of {wanted}"
    elif not hasattr(values, "__len__"):
        mend = "give list(values)"
    elif hasattr(values, "to_list"):  # a column of polars or pandas
        return list(values.to_list())
    else:
        return list(values)
    raise LimbeckError(f"expected a list of {wanted}, got {got}", mend=mend)


def _texts(items: list[Any], name: str) -> list[str]:
    for index, text in enumerate(items):
        if not isinstance(text, str):
            if _missing(text):
                items[index] = ""
                continue
            mend = f"give [row[{name!r}] for row in rows]" if isinstance(text, Mapping) else None
            what = f"expected a text, got {type(text).__name__}"
            raise LimbeckError(what, where=f"value {index}", mend=mend)
    return items


def _missing(value: object) -> bool:
    """Whether it is None, NaN, or what pandas writes where a value is missing."""
    nan = isinstance(value, float) and value != value
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def _pictures(items: list[Any]) -> list[Picture]:
    for index, item in enumerate(items):
        if not isinstance(item, _READ):
            what = f"expected a path, a Pillow image or a uint8 array, got {type(item).__name__}"
            raise LimbeckError(what, where=f"value {index}")
    named = [(item, "" if isinstance(item, str | Path) else f"value {index}") for index, item in enumerate(items)]
    return [item if isinstance(item, Picture) else Picture(item, name=name) for item, name in named]


def _windows(values: Any) -> Any:
    """Return a frame as one of polars, a column of windows as a list of them, anything else as it is."""
    if is_pandas(values) and SIGNAL in values.columns:
        return signal_rows(list(values[SIGNAL])).hstack(from_pandas(values, _KNOWN))
    return list(values.to_list()) if hasattr(values, "to_list") else values


def _table(values: object, task: Task) -> pl.DataFrame:
    """Return the rows of a table with those input columns that are there."""
    frame = frame_of(values, task.inputs)
    if frame is None:
        frame = _columns(values, task.inputs)
    names = _names(values, frame)
    if names or frame.height:
        need_inputs(names, task, f"the {type(values).__name__}")
    return frame.select([name for name in task.inputs if name in frame.columns])


def _names(values: Any, frame: pl.DataFrame) -> list[str]:
    """Return the names of the columns that were given, of which a frame made of them may hold only the wanted ones."""
    if is_pandas(values):
        return [str(name) for name in values.columns]
    if isinstance(values, Mapping):
        return [str(name) for name in values]
    if isinstance(values, np.ndarray) and values.dtype.names:
        return list(values.dtype.names)
    return frame.columns


def _columns(values: Any, names: Sequence[str]) -> pl.DataFrame:
    """Return rows that are no frame: records, arrays, lists, and columns by name."""
    if isinstance(values, np.ndarray) and values.dtype.names:
        return pl.DataFrame([column_of(name, values[name]) for name in values.dtype.names if name in names])
    if isinstance(values, Mapping):
        return _mapping(values, names)
    if isinstance(values, np.ndarray) or (hasattr(values, "toarray") and hasattr(values, "shape")):
        return by_position(values, names)
    if hasattr(values, "to_list"):  # a column of polars or pandas
        if (name := str(values.name)) in names:
            return pl.DataFrame([column_of(name, values.to_list())])
        raise LimbeckError("expected rows of a table, got a Series", mend="give a frame, e.g. frame.iloc[[0]]")
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        mend = "give a list: a set has no order" if isinstance(values, Set) else "give a frame or a list of dicts"
        raise LimbeckError(f"expected a DataFrame or a list of dicts, got {type(values).__name__}", mend=mend)
    return _rows(values, names)


def _mapping(values: Mapping[Any, Any], names: Sequence[str]) -> pl.DataFrame:
    """Return columns by name; single values are one row."""
    there = {name: values[name] for name in names if name in values}
    single = [name for name, cells in there.items() if not hasattr(cells, "__len__") or isinstance(cells, str)]
    if len(single) not in (0, len(there)):
        what = f"expected a list of cells in each column, got one value in {single[0]!r}"
        raise LimbeckError(what, mend="give a list of dicts, one for each row")
    columns = [column_of(name, [cells] if single else cells) for name, cells in there.items()]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{column.name}: {len(column)}" for column in columns[:12])
        raise LimbeckError(f"the columns have different lengths ({lengths})", mend="give one cell for each row")
    return pl.DataFrame(columns)


def _rows(values: Sequence[Any], names: Sequence[str]) -> pl.DataFrame:
    """Return a list of dictionaries by name, or a list of rows by position."""
    if all(isinstance(row, Mapping) for row in values):
        there = [name for name in names if any(name in row for row in values)]
        if values and not there:  # so that the nearest name is named
            return pl.DataFrame(schema=dict.fromkeys(map(str, values[0]), pl.String))
        return pl.DataFrame([column_of(name, [row.get(name) for row in values]) for name in there])
    for index, row in enumerate(values):
        if isinstance(row, Mapping | str | bytes) or not hasattr(row, "__len__"):
            what = f"expected a dict or a list of {len(names)} cells, got {type(row).__name__}"
            raise LimbeckError(what, where=f"value {index}", mend="give a frame or a list of dicts")
        if len(row) != len(names):
            what = f"expected {len(names)} cells, got {len(row)}"
            raise LimbeckError(what, where=f"value {index}", mend=in_order(names))
    return pl.DataFrame([column_of(name, [row[at] for row in values]) for at, name in enumerate(names)])
