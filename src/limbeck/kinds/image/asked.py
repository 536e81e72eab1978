"""What a bundle of pictures that is a teacher reads of the rows of a frame."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from limbeck.kinds.asked import Need
from limbeck.kinds.image.decode import Picture
from limbeck.kinds.image.files import BOX, FILE, HASH, pictures_of
from limbeck.recipe import Task


def columns_read(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the column of paths and ours: the cache tells pictures apart by what is in them, not by their names."""
    return (*columns[:1], FILE, BOX, HASH)


def pictures_asked(rows: pl.DataFrame, task: Task, columns: Sequence[str], need: Need, *, named: bool) -> list[Picture]:
    """Return the picture of each row; see `limbeck.kinds.asked.those_there`."""
    need(columns[:1])
    return pictures_of(rows, task.model_copy(update={"input": columns[0]}))
