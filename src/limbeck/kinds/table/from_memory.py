"""Rows of a table given from Python: frames, dictionaries, arrays and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import polars as pl

from limbeck.data.labels import need_inputs, need_plain
from limbeck.errors import LimbeckError
from limbeck.kinds.given.frames import by_position, column_of, frame_of, in_order, names_of
from limbeck.recipe import Task


def cells_in(frame: pl.DataFrame, task: Task) -> pl.DataFrame:
    """Return the input columns as far as they are there."""
    return frame.select([name for name in task.inputs if name in frame.columns])


def cells_from(values: object, task: Task) -> pl.DataFrame:
    """Return the rows of a table with those input columns that are there.

    Raises
    ------
    LimbeckError
        When they are neither a frame nor dictionaries nor as wide as the task, or a cell is a list or a dictionary; it
        says which call is right.
    """
    frame = frame_of(values, task.inputs)
    if frame is None:
        frame = _columns(values, task.inputs)
    names = names_of(values, frame)
    if names or frame.height:
        need_inputs(names, task, f"the {type(values).__name__}")
    need_plain(frame.schema, task.inputs, f"the {type(values).__name__}")
    return cells_in(frame, task)


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
        raise LimbeckError("expected rows of a table, got a Series", fix="give a frame, e.g. frame.iloc[[0]]")
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        fix = "give a list: a set has no order" if isinstance(values, Set) else "give a frame or a list of dicts"
        raise LimbeckError(f"expected a DataFrame or a list of dicts, got {type(values).__name__}", fix=fix)
    return _rows(values, names)


def _mapping(values: Mapping[Any, Any], names: Sequence[str]) -> pl.DataFrame:
    """Return columns by name; single values are one row."""
    there = {name: values[name] for name in names if name in values}
    single = [name for name, cells in there.items() if not hasattr(cells, "__len__") or isinstance(cells, str)]
    if len(single) not in (0, len(there)):
        what = f"expected a list of cells in each column, got one value in {single[0]!r}"
        raise LimbeckError(what, fix="give a list of dicts, one for each row")
    columns = [column_of(name, [cells] if single else cells) for name, cells in there.items()]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{column.name}: {len(column)}" for column in columns[:12])
        raise LimbeckError(f"the columns have different lengths ({lengths})", fix="give one cell for each row")
    return pl.DataFrame(columns)


def _rows(values: Sequence[Any], names: Sequence[str]) -> pl.DataFrame:
    """Return a list of dictionaries by name, or a list of rows by position."""
    if all(isinstance(row, Mapping) for row in values):
        if values and not any(values):
            raise LimbeckError("the rows have no cells", fix=f"give dicts with keys like {names[0]!r}")
        there = [name for name in names if any(name in row for row in values)]
        if values and not there:  # so that the nearest name is named
            return pl.DataFrame(schema=dict.fromkeys(map(str, values[0]), pl.String))
        return pl.DataFrame([column_of(name, [row.get(name) for row in values]) for name in there])
    for index, row in enumerate(values):
        if isinstance(row, Mapping | str | bytes) or not hasattr(row, "__len__"):
            what = f"expected a dict or a list of {len(names)} cells, got {type(row).__name__}"
            raise LimbeckError(what, where=f"value {index}", fix="give a frame or a list of dicts")
        if len(row) != len(names):
            what = f"expected {len(names)} cells, got {len(row)}"
            raise LimbeckError(what, where=f"value {index}", fix=in_order(names))
    return pl.DataFrame([column_of(name, [row[at] for row in values]) for at, name in enumerate(names)])
