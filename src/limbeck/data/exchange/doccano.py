"""Lines of doccano for text classification: ``text``, ``label`` as a list, other keys are kept; the history is one.

After doccano 1.8 (``data_import`` and ``data_export``): an import takes ``label`` and puts other keys into the metadata
of the example, and an export writes those beside ``id``, ``text``, ``label`` and ``Comments``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.data.exchange.record import TEXT, Record, Review, content_of, restored, told
from limbeck.errors import LimbeckError

HISTORY = "limbeck"
OBJECTS = (HISTORY, "label", "labels", "cats")  # fields of a line that are objects or lists
_OTHERS = ("id", "Comments", "label", "labels", "annotations", "annotation_approver", "cats", "data")


def to_doccano(record: Record) -> dict[str, Any]:
    """Return a record as one object of a JSON Lines file; columns with a name that doccano uses are in the history.

    Raises
    ------
    LimbeckError
        For a record without a text, and one with a column of a name that doccano needs.
    """
    if TEXT not in record.content:
        raise LimbeckError("the row has no text, which doccano needs", fix="export it as JSON Lines")
    for name in (*_OTHERS, HISTORY):
        if name in record.content:
            raise LimbeckError(f"the column {name!r} is one that doccano uses", fix="export it as JSON Lines")
    labels = [record.label] if record.label else []
    return {**record.content, "label": labels, HISTORY: record.history()}


def from_doccano(entry: Mapping[str, Any], by: str = "") -> Record:
    """Return the record of one object; a label that the history lacks is a new review.

    Raises
    ------
    LimbeckError
        For what has no text, or more than one label.
    """
    cells = {name: cell for name, cell in entry.items() if name not in (*_OTHERS, HISTORY)}
    if TEXT not in cells and "data" in entry:
        cells[TEXT] = entry["data"]
    if not cells.get(TEXT):
        raise LimbeckError("the line has no 'text'")
    record = restored(entry.get(HISTORY), content_of(cells))
    given: Any = next((entry[name] for name in ("label", "labels", "cats") if entry.get(name)), [])
    labels = [given] if isinstance(given, str) else given
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise LimbeckError("the line has a label that is no class")
    if len(labels) > 1:
        raise LimbeckError(f"the line has {len(labels)} labels, where one class is wanted")
    if labels and labels[0] == record.label:
        return record
    return told(record, [Review(label, by, "", "import") for label in labels])
