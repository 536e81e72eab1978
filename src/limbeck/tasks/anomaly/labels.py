"""Raw labels to normal and anomaly."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every task

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from limbeck.data.labels import label_text, labels_in
from limbeck.data.tables.rows import Ints, need
from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.recipe import DETECTED, Task


def detected(frame: pl.DataFrame, task: Task, where: object, numbers: Ints, classes: Sequence[str]) -> Ints:
    """Return 0 for rows whose label is one of ``task.normal``, 1 for all others, whatever they are called, int64 (n,).

    Raises
    ------
    LimbeckError
        For a missing column or an empty label.
    """
    need(frame.columns, [task.label], where)
    raw = labels_in(frame[task.label], task)
    if None in raw:
        spot = message("place.cell", file=where, row=numbers[raw.index(None)], column=task.label)
        raise LimbeckError(message("label.missing"), where=spot, fix=message("fix.label"))
    normals = {label_text(label) for label in (*task.normals, DETECTED[0])}
    return np.array([label not in normals for label in raw], dtype=np.int64)
