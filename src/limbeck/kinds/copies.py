"""What rows are called, and what makes two of them copies, where a kind has nothing of its own to say."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from limbeck.recipe import Clean, Task

Keys = tuple[list[str], list[str]]


def first_column(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return the first input column as texts: a text itself, the path of a picture."""
    return ["" if value is None else str(value) for value in frame[task.inputs[0]].to_list()]


def as_named(frame: pl.DataFrame, texts: Sequence[str], clean: Clean) -> Keys:
    """Return the names of rows as their keys: two rows of one name are copies."""
    return list(texts), list(texts)
