"""Cells that hold several labels, such as ``a|b``: a cell as a set of labels, and sets as rows of ones and zeros.

The order of the labels in a cell says nothing, and a label that stands twice counts once: ``b|a`` and ``a|b`` are one
set. An empty cell is a missing label, as everywhere; a row that is known to have none of the labels says so by the mark
``task.none``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from limbeck.data.labels import by_number, label_text
from limbeck.errors import LimbeckError
from limbeck.recipe import Task

MOST = 1000  # more labels than that are keywords or ids
EMPTY = ""  # the name of the set without a label, where no mark is agreed


def labels_of_cell(cell: str | None, task: Task) -> tuple[str, ...] | None:
    """Return the labels of a cell as class names, sorted, each once; None where the cell holds none and no mark."""
    if cell is None:
        return None
    mapping = task.class_map or {}
    parts = [part.strip() for part in cell.split(task.separator)]
    marked = task.none is not None and task.none in parts
    known = {name: name for name in (*mapping, *mapping.values())}
    found = {known.get(part) or label_text(part) for part in parts if part != task.none} - {None}
    if not found and not marked:
        return None
    return tuple(sorted({mapping.get(str(name), str(name)) for name in found}, key=by_number))


def joined(names: Sequence[str], task: Task) -> str:
    """Return labels as one cell: joined by the separator, or the mark of a row without any."""
    return task.separator.join(names) if names else task.none or EMPTY


def sets_of(cells: Sequence[str | None], task: Task) -> tuple[str, ...]:
    """Return the different sets of labels in N cells, each as a cell of its own, sorted."""
    found = {labels for cell in dict.fromkeys(cells) if (labels := labels_of_cell(cell, task)) is not None}
    return tuple(joined(labels, task) for labels in sorted(found))


def names_in(sets: Sequence[str], task: Task, where: object) -> tuple[str, ...]:
    """Return the labels: those of ``task.classes`` in their order, else all that occur in the sets, sorted.

    Raises
    ------
    LimbeckError
        For fewer than two labels, or so many that they cannot be classes.
    """
    mapping = task.class_map
    if mapping is not None:
        names = tuple(dict.fromkeys(mapping.values()))
    else:
        names = tuple(sorted({name for one in sets for name in labels_of_cell(one, task) or ()}, key=by_number))
    if len(names) > MOST:
        what = f"the column {task.label!r} holds {len(names):,} different labels, which cannot be classes"
        raise LimbeckError(what, where=where, fix="check task.label and task.separator")
    if len(names) < 2:
        what = f"the column {task.label!r} holds {len(names)} label{'s' * (len(names) != 1)}: several need two or more"
        raise LimbeckError(what, where=where, fix=f"check task.separator ({task.separator!r}), or use another task")
    return names


def membership(sets: Sequence[str], names: Sequence[str], task: Task) -> npt.NDArray[np.bool_]:
    """Return bool [S, L]: which of L labels each of S sets holds."""
    place = {name: at for at, name in enumerate(names)}
    out = np.zeros((len(sets), len(names)), dtype=bool)
    for at, one in enumerate(sets):
        for name in labels_of_cell(one, task) or ():
            if name in place:
                out[at, place[name]] = True
    return out


def truth_of(labels: npt.NDArray[np.int64], member: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return float32 [N, L], 1 where a row has a label and NaN in a row of unknown labels (-1).

    Parameters
    ----------
    labels
        int64 [N], the number of each row's set.
    member
        bool [S, L], see `membership`.
    """
    out = np.full((len(labels), member.shape[1]), np.nan, dtype=np.float32)
    known = labels >= 0
    out[known] = member[labels[known]]
    return out
