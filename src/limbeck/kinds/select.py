"""Which input reads which kind of task, and how the rows of a table become its raw values."""

from __future__ import annotations

import numpy as np
import polars as pl

from limbeck.data.tables.rows import text_column
from limbeck.errors import LimbeckError
from limbeck.kinds.image.decode import Picture
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.kinds.image.files import pictures_of
from limbeck.kinds.signal.encode import SignalInput, Signals, signal_rows
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.ragged import Ragged
from limbeck.process.forks import refuse_forked
from limbeck.recipe import Task

INPUTS: dict[str, type[TextInput] | type[TableInput] | type[ImageInput] | type[SignalInput]] = {
    "text": TextInput, "table": TableInput, "image": ImageInput, "signal": SignalInput,
}  # fmt: skip

RowInput = TextInput | TableInput | ImageInput | SignalInput
Rows = Ragged | Dense | Pictures | Signals
Unreadable = dict[int, LimbeckError]  # place of a value that has no answer -> why
Values = list[str] | list[Picture] | pl.DataFrame


def values_of(frame: pl.DataFrame, task: Task) -> Values:
    """Return the raw values of N rows: texts (null is ""), pictures, or input columns as far as they are there."""
    if task.rows == "image":
        return pictures_of(frame, task)
    if task.rows == "signal":
        return frame
    if task.rows == "text":
        return list(text_column(frame[task.inputs[0]]).fill_null("").to_list())
    return frame.select([name for name in task.inputs if name in frame.columns])


def encode(reader: RowInput, values: Values) -> Rows:
    """Encode raw values of the kind that the input reads."""
    if isinstance(values, pl.DataFrame):
        refuse_forked()
    return reader.encode(values)  # type: ignore[arg-type]  # the task's kind chose both


def encode_each(reader: RowInput, values: Values) -> tuple[Rows, Unreadable]:
    """Encode raw values; one that holds nothing to answer gets an arbitrary row, and its place has a reason."""
    if isinstance(values, pl.DataFrame):
        refuse_forked()
    return reader.encode_each(values)  # type: ignore[arg-type]  # as above


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
