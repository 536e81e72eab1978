"""Raw cells to numbers of sets of labels: to splits and checks for copies, each set is a class.

So parts have the sets in proportion, copies of a row with another set are a conflict, and all of that needs no code of
its own. `limbeck.data.label_sets.membership` turns the sets into labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from limbeck.data.label_sets import joined, labels_of_cell, names_in, sets_of
from limbeck.data.labels import labels_in
from limbeck.data.tables.rows import Ints, need
from limbeck.errors import LimbeckError, did_you_mean, names_one
from limbeck.messages.message import message
from limbeck.recipe import Task


def sets_as_classes(raw: Sequence[str | None], task: Task, where: object) -> tuple[str, ...]:
    """Return the different sets of labels, each as a cell.

    Raises
    ------
    LimbeckError
        Where the cells hold fewer than two labels, or too many.
    """
    sets = sets_of(raw, task)
    names_in(sets, task, where)
    return sets


def numbers_of_sets(frame: pl.DataFrame, task: Task, where: object, numbers: Ints, classes: Sequence[str]) -> Ints:
    """Return the number of each row's set, int64 (n,).

    Raises
    ------
    LimbeckError
        For a missing column; for a cell without a label and for one that is not in ``task.classes``, with the file, the
        row and the column.
    """
    need(frame.columns, [task.label], where)
    table, known = {name: k for k, name in enumerate(classes)}, set((task.class_map or {}).values())
    found = np.empty(frame.height, dtype=np.int64)
    for at, cell in enumerate(labels_in(frame[task.label], task)):
        labels = labels_of_cell(cell, task)
        spot = message("place.cell", file=where, row=numbers[at], column=task.label)
        if labels is None:
            raise LimbeckError(message("label.missing"), where=spot, fix=message("fix.label"))
        if known and (foreign := [name for name in labels if name not in known]):
            fix = did_you_mean(foreign[0], sorted(known))
            if not names_one(fix):
                fix = message("error.fix", what=fix, fix=message("fix.list_label"))
            raise LimbeckError(message("label.unknown", label=foreign[0][:60]), where=spot, fix=fix)
        found[at] = table[joined(labels, task)]
    return found
