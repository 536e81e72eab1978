"""A record as one row of a table: its own columns, then ``limbeck.…`` for people to read, then the history as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from limbeck.data.exchange.record import Record, content_of, restored, with_label
from limbeck.errors import LimbeckError

PREFIX = "limbeck."
LABEL, HISTORY = f"{PREFIX}label", f"{PREFIX}history"
COLUMNS = (
    LABEL, f"{PREFIX}state", f"{PREFIX}model", f"{PREFIX}model_label", f"{PREFIX}probability",
    f"{PREFIX}reviewed_by", f"{PREFIX}reviewed_at", f"{PREFIX}note", HISTORY,
)  # fmt: skip


def columns_of(contents: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the columns of a table of records, in the order in which they first occur.

    Raises
    ------
    LimbeckError
        Where a record has a column of a name that is kept for what this adds.
    """
    names: dict[str, None] = {}
    for content in contents:
        names.update(dict.fromkeys(content))
    for name in names:
        if name.startswith(PREFIX):
            raise LimbeckError(f"the column {name!r} begins like those of an export", fix="rename it")
    return [*names, *COLUMNS]


def flat(record: Record) -> dict[str, str]:
    """Return the cells of a record by column; what it lacks is left out."""
    cells = dict(record.content)
    cells |= {LABEL: record.label, f"{PREFIX}state": record.state, HISTORY: record.history()}
    if record.answers:
        answer = record.answers[-1]
        cells[f"{PREFIX}model"] = f"{answer.model}@{answer.version}" if answer.version else answer.model
        cells[f"{PREFIX}model_label"] = answer.label
        cells[f"{PREFIX}probability"] = "" if answer.probability is None else repr(answer.probability)
    if record.people:
        review = record.people[-1]
        cells |= {
            f"{PREFIX}reviewed_by": review.by, f"{PREFIX}reviewed_at": review.at, f"{PREFIX}note": review.note
        }  # fmt: skip
    return cells


def record_from(cells: Mapping[str, Any], *, label: str = "", kind: str = "text", text: str = "") -> Record:
    """Return the record of a row: with its history where an export wrote one, else of its columns alone.

    Parameters
    ----------
    label
        Column with a class that somebody gave; in an export it is ``limbeck.label``.
    text
        Column that is the text, for rows that are one text; the others are kept beside it.

    Raises
    ------
    LimbeckError
        For a row that is empty, or has a history that is damaged.
    """
    own = {name: cell for name, cell in cells.items() if not name.startswith(PREFIX)}
    history = cells.get(HISTORY)
    if history:
        record = restored(history, content_of(own))
        return with_label(record, str(cells.get(LABEL) or "").strip())
    given = str(own.pop(label, None) or cells.get(LABEL) or "").strip()
    if text:
        if not own.get(text):
            raise LimbeckError(f"the cell {text!r} is empty")
        own = {"text": own.pop(text), **{name: cell for name, cell in own.items() if name != "text"}}
    return with_label(Record(content_of(own), kind=kind), given)
