"""Raw values and their encoded rows, whatever their kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.kinds.signal.encode import SignalInput, Signals
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.process.forks import refuse_forked
from limbeck.recipe import Task

RowInput = TextInput | TableInput | ImageInput | SignalInput
Rows = Ragged | Dense | Pictures | Signals
Unreadable = dict[int, LimbeckError]  # place of a value that has no answer -> why
Values = Any  # list[str], list[Picture] or pl.DataFrame


def values_of(frame: pl.DataFrame, task: Task) -> Values:
    """Return the raw values of N rows: texts (null is ""), pictures, or input columns as far as they are there."""
    return kind_of(task).values(frame, task)


def checked_values(values: object, task: Task) -> Values:
    """Return values given from Python as what the task reads; a text that is missing is "".

    Raises
    ------
    LimbeckError
        When they are not what the kind reads; it says which call is right.
    """
    kind = kind_of(task)
    if kind.framed:
        refuse_forked()  # before polars waits for threads that are gone
    return kind.from_memory(values, task)


def encode(reader: RowInput, values: Values) -> Rows:
    """Encode raw values of the kind that the input reads."""
    if isinstance(values, pl.DataFrame):
        refuse_forked()
    return reader.encode(values)


def batch_of(reader: RowInput, rows: Rows, which: np.ndarray) -> dict[str, np.ndarray]:
    """Return one batch of arrays by name, of the chosen rows int64 [B]."""
    return reader.batch(rows, which)  # type: ignore[arg-type]  # the task's kind chose both
