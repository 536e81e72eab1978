"""What rows of a table are called, which is also what makes two of them copies: their filled cells."""

from __future__ import annotations

import polars as pl

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
