"""Which input reads which kind of task, and how the rows of a table become its raw values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from limbeck.data.located import pictures_of
from limbeck.data.picture import Picture
from limbeck.data.rows import need
from limbeck.errors import LimbeckError
from limbeck.inputs.dense import Dense
from limbeck.inputs.image import ImageInput, Pictures
from limbeck.inputs.ragged import Ragged
from limbeck.inputs.signal import SignalInput, Signals, signal_rows
from limbeck.inputs.table import TableInput
from limbeck.inputs.text import TextInput
from limbeck.recipe import Task

INPUTS: dict[str, type[TextInput] | type[TableInput] | type[ImageInput] | type[SignalInput]] = {
    "text": TextInput, "table": TableInput, "image": ImageInput, "signal": SignalInput,
}  # fmt: skip

RowInput = TextInput | TableInput | ImageInput | SignalInput
Rows = Ragged | Dense | Pictures | Signals
Values = list[str] | list[Picture] | pl.DataFrame


def values_of(frame: pl.DataFrame, task: Task) -> Values:
    """Return the raw values of N rows: texts (null is ""), pictures, or input columns as far as they are there."""
    if task.rows == "image":
        return pictures_of(frame, task)
    if task.rows == "signal":
        return frame
    if task.rows == "text":
        return list(frame[task.inputs[0]].cast(pl.String).fill_null("").to_list())
    return frame.select([name for name in task.inputs if name in frame.columns])


def checked_values(values: object, task: Task) -> Values:
    """Return values given from Python as what the task reads.

    Raises
    ------
    LimbeckError
        When a text is not a string, a picture neither path nor image nor array, or rows of a table are neither a frame
        nor dictionaries.
    """
    if task.rows == "table":
        frame = values if isinstance(values, pl.DataFrame) else _frame(values)
        return values_of(frame, task)
    if task.rows == "signal":
        return signal_rows(values)
    single = isinstance(values, str | Path | Image.Image) or (isinstance(values, np.ndarray) and values.ndim == 3)
    if single or not hasattr(values, "__len__") or not hasattr(values, "__iter__"):
        wanted = "pictures" if task.rows == "image" else "texts"
        what = f"a {type(values).__name__} where a list of {wanted} is wanted"
        raise LimbeckError(what, mend=f"give a list of {wanted}: [{wanted[:-1]}]")
    if isinstance(values, pl.DataFrame) and task.rows == "image":
        need(values.columns, task.inputs, "predict")
        return values_of(values, task)
    items = list(values)
    return _pictures(items) if task.rows == "image" else _texts(items)


def _texts(items: list[Any]) -> list[str]:
    for index, text in enumerate(items):
        if not isinstance(text, str):
            raise LimbeckError(f"a {type(text).__name__} where a text is wanted", where=f"value {index}")
    return items


def _pictures(items: list[Any]) -> list[Picture]:
    for index, item in enumerate(items):
        if not isinstance(item, str | Path | Image.Image | np.ndarray | Picture):
            what = f"a {type(item).__name__} where a path, a Pillow image or a uint8 array is wanted"
            raise LimbeckError(what, where=f"value {index}")
    named = [(item, "" if isinstance(item, str | Path) else f"value {index}") for index, item in enumerate(items)]
    return [item if isinstance(item, Picture) else Picture(item, name=name) for item, name in named]


def encode(reader: RowInput, values: Values) -> Rows:
    """Encode raw values of the kind that the input reads."""
    return reader.encode(values)  # type: ignore[arg-type]  # the task's kind chose both


def batch_of(reader: RowInput, rows: Rows, which: np.ndarray) -> dict[str, np.ndarray]:
    """Return one batch of arrays by name, of the chosen rows int64 [B]."""
    return reader.batch(rows, which)  # type: ignore[arg-type]  # as above


def blank(task: Task, reader: RowInput) -> Values:
    """Return one empty row."""
    if isinstance(reader, SignalInput):
        return signal_rows(np.zeros((1, *reader.shape), dtype=np.float32))
    if task.rows == "image":
        return [Picture(np.zeros((1, 1, 3), dtype=np.uint8))]
    return [""] if task.rows == "text" else pl.DataFrame({name: [None] for name in task.inputs})


def _frame(values: object) -> pl.DataFrame:
    try:
        return pl.DataFrame(values, infer_schema_length=None)  # type: ignore[arg-type]
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise LimbeckError(
            "these are no rows of a table", where="predict", mend="give a polars frame, or a list of dictionaries"
        ) from error
