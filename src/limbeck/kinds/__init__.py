"""What differs between kinds of rows, one folder each; a new kind is a folder and a line here."""

from __future__ import annotations

from limbeck.kinds.image import IMAGE
from limbeck.kinds.kind import Kind
from limbeck.kinds.signal import SIGNAL
from limbeck.kinds.table import TABLE
from limbeck.kinds.text import TEXT
from limbeck.recipe import Task

KINDS: dict[str, Kind] = {"text": TEXT, "table": TABLE, "image": IMAGE, "signal": SIGNAL}


def kind_of(task: Task) -> Kind:
    """Return the kind of rows that a task is about."""
    return KINDS[task.rows]
