"""Rows of a table as tensors: one tensor [N] for each column, and as JSON ``{"rows": [{column: cell, ...}, ...]}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds.given.frames import column_of
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.tensors import BYTES, Port, Tensor, column, texts
from limbeck.recipe import Task

MANY = "rows"  # what rows are called in the body of a plain request


def ports(task: Task, encoder: TableInput) -> tuple[Port, ...]:
    """Return the tensors that a model takes, one for each input column; a request may leave columns out."""
    numbers = {column.name for column in encoder.columns if column.kind == "number"}
    return tuple(Port(name, "FP64" if name in numbers else BYTES, (-1,)) for name in task.inputs)


def values_from(tensors: Mapping[str, Tensor], task: Task) -> pl.DataFrame:
    """Return N rows of the tensors of a request; NaN, null and empty cells are missing.

    Raises
    ------
    LimbeckError
        For a column that the model does not take, columns of different lengths, or none.
    """
    cells = {}
    for name, tensor in tensors.items():
        if name not in task.inputs:
            raise LimbeckError(f"unknown input {name!r}", where="inputs", fix=did_you_mean(name, task.inputs))
        cells[name] = _cells(name, tensor)
    if len({len(series) for series in cells.values()}) != 1:
        lengths = ", ".join(f"{name}: {len(series)}" for name, series in list(cells.items())[:12])
        raise LimbeckError(f"the columns have different lengths ({lengths or 'none was given'})", where="inputs")
    return pl.DataFrame([cells[name] for name in task.inputs if name in cells])


def _cells(name: str, tensor: Tensor) -> pl.Series:
    if tensor.datatype == BYTES:
        return pl.Series(name, texts(tensor), pl.String)
    numbers = np.asarray(column(tensor))
    return column_of(name, numbers.astype(np.float32) if numbers.dtype == np.float16 else numbers)


def values_of_json(rows: list[Any], task: Task) -> list[Any]:  # noqa: ARG001
    """Return N raw values of a JSON list: the rows themselves."""
    return rows


def cost(values: pl.DataFrame) -> int:
    """Return what N rows cost to answer, in rows."""
    return values.height
