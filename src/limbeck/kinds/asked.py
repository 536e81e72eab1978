"""What a bundle that is a teacher reads of the rows of a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import polars as pl

from limbeck.recipe import Task

Need = Callable[[Iterable[str]], None]


class Asking(Protocol):
    """What is asked about the rows of a frame."""

    def __call__(self, rows: pl.DataFrame, task: Task, columns: Sequence[str], need: Need, *, named: bool) -> Any:
        """Return what ``Classifier.predict_proba`` takes."""


def those_there(rows: pl.DataFrame, task: Task, columns: Sequence[str], need: Need, *, named: bool) -> Any:  # noqa: ARG001
    """Return the columns that are there.

    Parameters
    ----------
    columns
        What the teacher reads.
    need
        Refuses rows that lack one of its columns.
    named
        Whether the recipe names the columns, so that none may be missing.
    """
    there = [column for column in columns if column in rows.columns]
    need(columns if named or not there else [])
    return rows.select(there)
