"""What differs between kinds of rows, one folder each; a new kind is a folder and a line here."""

from __future__ import annotations

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds.image import IMAGE
from limbeck.kinds.kind import Kind
from limbeck.kinds.signal import SIGNAL
from limbeck.kinds.table import TABLE
from limbeck.kinds.text import TEXT
from limbeck.recipe import Task
from limbeck.recipe.data import ANOMALY

KINDS: dict[str, Kind] = {"text": TEXT, "table": TABLE, "image": IMAGE, "signal": SIGNAL}


def kind_of(task: Task) -> Kind:
    """Return the kind of rows that a task is about.

    Raises
    ------
    LimbeckError
        Where there is no such kind, or none of its rows with anomalies.
    """
    kind = KINDS.get(task.rows)
    if kind is None or (task.anomaly and not kind.anomalies):
        known = [*KINDS, *(f"{ANOMALY}{name}" for name, one in KINDS.items() if one.anomalies)]
        hint = did_you_mean(task.kind, known)
        raise LimbeckError(f"task.kind: unknown kind {task.kind!r}", where="recipe", fix=hint)
    return kind
