"""A row with what models answered and what people said of it, as plain data. Every form of a file is a view of it.

Each form has the columns and fields that its tool knows, and one place that the tool keeps as it is (a column, or the
metadata of a record) for the whole history as JSON. Reading takes the history from there. Where the tool's own label
differs from the history's, somebody has changed it outside: that is one more review, see `told`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from limbeck.errors import LimbeckError

FORMAT = 1  # of a history
MOST_TEXT = 1 << 20  # characters of a cell
MOST_COLUMNS = 500
MOST_ENTRIES = 1000  # answers or reviews of one row
LARGEST = 1 << 63  # numbers from here on are refused: no column holds them
TEXT = "text"  # the column of a row that is one text


@dataclass(frozen=True)
class Answer:
    """What one version of a model answered; ``probabilities`` by class, where they are known."""

    label: str
    model: str = ""
    version: str = ""
    probability: float | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Review:
    """What a person, or a second opinion, said: ``label`` is "" where they gave none.

    ``by`` is a name of a user, ``at`` a time as ISO 8601, ``source`` "person", "llm", "rule" or "import". ``stands`` is
    false for what was taken back, ``more`` is whatever else a site keeps with it.
    """

    label: str
    by: str = ""
    at: str = ""
    source: str = "person"
    note: str = ""
    stands: bool = True
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A row: ``content`` by column (empty cells are left out), and its history.

    ``label`` is the class that counts, "" where none is settled. ``more`` is whatever else a site keeps with a row.
    """

    content: Mapping[str, str]
    id: str = ""
    kind: str = TEXT
    label: str = ""
    state: str = ""
    answers: tuple[Answer, ...] = ()
    reviews: tuple[Review, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def people(self) -> tuple[Review, ...]:
        """The reviews of people that have a label and stand."""
        return tuple(one for one in self.reviews if one.label and one.stands and one.source in ("person", "import"))

    def history(self) -> str:
        """Return all but the content as JSON of one line."""
        facts = {key: value for key, value in asdict(self).items() if key != "content" and value not in ("", (), {})}
        return json.dumps({"limbeck": FORMAT, **facts}, ensure_ascii=False, allow_nan=False, sort_keys=True)


def check(record: Record) -> None:
    """Check that databases and pages can hold all of a record that a file gave, ``more`` included.

    Raises
    ------
    LimbeckError
        For a text that is too long or has a NUL or half of a character, a number that is not finite or not below 2⁶³,
        and more than `MOST_ENTRIES` answers or reviews.
    """
    if max(len(record.answers), len(record.reviews)) > MOST_ENTRIES:
        raise LimbeckError(f"the row has over {MOST_ENTRIES:,} answers or reviews")
    _check(vars(record), "")


def _check(value: Any, name: str) -> None:
    if isinstance(value, str):
        _text(value, name)
    elif isinstance(value, int | float):
        if not abs(value) < LARGEST:
            raise LimbeckError(f"{name[:80]!r} has a number that is too large or not finite")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _text(key, name)
            _check(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner, name)
    elif isinstance(value, Answer | Review):
        _check(vars(value), name)


def told(record: Record, labels: Iterable[Review]) -> Record:
    """Return a record with what a file says beside its history: labels that the history lacks are new reviews.

    Each label of the file stands for one review of the history with that label; those left over are added.
    """
    known = [review.label for review in record.people]
    if record.label and record.label not in known:
        known.append(record.label)
    added = []
    for review in labels:
        if review.label in known:
            known.remove(review.label)
        elif review.label:
            added.append(review)
    return replace(record, reviews=(*record.reviews, *added)) if added else record


def with_label(record: Record, label: str, by: str = "", at: str = "") -> Record:
    """Return a record with the label of a file's column: one more review where it differs from what counts."""
    if not label or label == record.label:
        return record
    return replace(record, reviews=(*record.reviews, Review(label, by, at, "import")))


def content_of(cells: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a row: names stripped, empty cells left out, values as texts.

    Raises
    ------
    LimbeckError
        For a row without a filled cell, too many columns, and what is no text.
    """
    if len(cells) > MOST_COLUMNS:
        raise LimbeckError(f"the row has {len(cells)} columns, at most {MOST_COLUMNS} are kept")
    found = {name.strip(): _text(cell, name) for name, cell in cells.items()}
    found = {name: text for name, text in found.items() if name and text}
    if not found:
        raise LimbeckError("the row is empty")
    return found


def restored(history: Any, content: Mapping[str, str]) -> Record:
    """Return the record of a content and its history: the JSON, or the object in it; None where there is none.

    Raises
    ------
    LimbeckError
        For a history that `Record.history` did not write.
    """
    if history is None or history == "":
        return Record(content)
    if not isinstance(history, str):
        return record_of(history, content)
    try:
        return record_of(json.loads(history), content)
    except (ValueError, RecursionError) as error:
        raise _wrong("is not JSON") from error


def record_of(facts: Any, content: Mapping[str, str]) -> Record:
    """Return the record of a content and a decoded history; see `restored`."""
    if not isinstance(facts, dict) or facts.get("limbeck") != FORMAT:
        raise _wrong("has no version that this release knows")
    return Record(
        content,
        **{name: _string(facts, name) for name in ("id", "label", "state")},
        kind=_string(facts, "kind") or TEXT,
        answers=tuple(_answer(entry) for entry in _entries(facts, "answers")),
        reviews=tuple(_review(entry) for entry in _entries(facts, "reviews")),
        more=_mapping(facts, "more"),
    )


def _answer(entry: Mapping[str, Any]) -> Answer:
    probabilities = {str(name): _share(value) for name, value in _mapping(entry, "probabilities").items()}
    given = entry.get("probability")
    return Answer(
        **{name: _string(entry, name) for name in ("label", "model", "version")},
        probability=None if given is None else _share(given),
        probabilities=probabilities,
        more=_mapping(entry, "more"),
    )


def _review(entry: Mapping[str, Any]) -> Review:
    texts = {name: _string(entry, name) for name in ("label", "by", "at", "note")}
    stands = entry.get("stands", True)
    if not isinstance(stands, bool):
        raise _wrong("has neither true nor false as 'stands'")
    return Review(**texts, source=_string(entry, "source") or "person", stands=stands, more=_mapping(entry, "more"))


def _entries(facts: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = facts.get(name, [])
    if not isinstance(found, list) or len(found) > MOST_ENTRIES or not all(isinstance(one, dict) for one in found):
        raise _wrong(f"has no list of at most {MOST_ENTRIES:,} objects as {name!r}")
    return found


def _mapping(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name, {})
    if not isinstance(found, dict):
        raise _wrong(f"has no object as {name!r}")
    return found


def _string(facts: Mapping[str, Any], name: str) -> str:
    found = facts.get(name, "")
    if not isinstance(found, str):
        raise _wrong(f"has no text as {name!r}")
    return _text(found, name)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _wrong("has a probability that is no number from 0 to 1")
    return float(value)


def _text(cell: Any, name: str) -> str:
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)
    if len(text) > MOST_TEXT:
        raise LimbeckError(f"the cell {name[:80]!r} has over {MOST_TEXT:,} characters")
    if "\0" in text:
        raise LimbeckError(f"the cell {name[:80]!r} holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise LimbeckError(f"the cell {name[:80]!r} holds half of a character") from error
    return text


def _wrong(what: str) -> LimbeckError:
    return LimbeckError(f"its history {what}", fix="leave that column as it was exported, or remove it")
