"""What rows of a table are called, which also makes two of them copies, and how large they are."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.labels import text_of
from limbeck.recipe import Task


def names(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return ``column=value`` of the filled cells of each row."""
    there = [name for name in task.inputs if name in frame.columns]
    cells = [text_of(frame[name]) for name in there]
    return [
        ", ".join(f"{name}={value}" for name, value in zip(there, row, strict=True) if value is not None)
        for row in zip(*cells, strict=True)
    ]


def sizes(rows: pl.DataFrame) -> tuple[str, NDArray[np.float64]]:
    """Return the unit, and the size of each of N rows."""
    filled = [column.is_not_null().to_numpy() for column in rows]
    return "filled cells", np.sum(filled, axis=0, dtype=np.float64) if filled else np.zeros(rows.height)
