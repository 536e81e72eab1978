"""Which input reads which kind of task, and how the rows of a table become its raw values."""

from __future__ import annotations

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.inputs.dense import Dense
from limbeck.inputs.ragged import Ragged
from limbeck.inputs.table import TableInput
from limbeck.inputs.text import TextInput
from limbeck.recipe import Task

INPUTS: dict[str, type[TextInput] | type[TableInput]] = {"text": TextInput, "table": TableInput}

RowInput = TextInput | TableInput
Rows = Ragged | Dense
Values = list[str] | pl.DataFrame


def values_of(frame: pl.DataFrame, task: Task) -> Values:
    """Return the raw values of N rows: their texts (null is ""), or their input columns as far as they are there."""
    if task.kind == "text":
        return list(frame[task.inputs[0]].cast(pl.String).fill_null("").to_list())
    return frame.select([name for name in task.inputs if name in frame.columns])


def checked_values(values: object, task: Task) -> Values:
    """Return values given from Python as what the task reads.

    Raises
    ------
    LimbeckError
        When a text is not a string, or rows of a table are neither a frame nor dictionaries.
    """
    if task.kind == "table":
        frame = values if isinstance(values, pl.DataFrame) else _frame(values)
        return values_of(frame, task)
    if isinstance(values, str) or not hasattr(values, "__len__") or not hasattr(values, "__iter__"):
        what = f"a {type(values).__name__} where a list of texts is wanted"
        raise LimbeckError(what, mend="give a list of texts: [text]")
    texts = list(values)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise LimbeckError(f"a {type(text).__name__} where a text is wanted", where=f"value {index}")
    return texts


def encode(reader: RowInput, values: Values) -> Rows:
    """Encode raw values of the kind that the input reads."""
    return reader.encode(values)  # type: ignore[arg-type]  # the task's kind chose both


def batch_of(reader: RowInput, rows: Rows, which: np.ndarray) -> dict[str, np.ndarray]:
    """Return one batch of arrays by name, of the chosen rows int64 [B]."""
    return reader.batch(rows, which)  # type: ignore[arg-type]  # as above


def blank(task: Task) -> Values:
    """Return one empty row."""
    return [""] if task.kind == "text" else pl.DataFrame({name: [None] for name in task.inputs})


def _frame(values: object) -> pl.DataFrame:
    try:
        return pl.DataFrame(values, infer_schema_length=None)  # type: ignore[arg-type]
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise LimbeckError(
            "these are no rows of a table", where="predict", mend="give a polars frame, or a list of dictionaries"
        ) from error
