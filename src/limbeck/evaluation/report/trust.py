"""The trust report of distillation for the page: trust.json checked, and what it says in words of both languages.

The file comes with a bundle, which may come from anywhere: every number is bounded before it is drawn or counted with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LimbeckError
from limbeck.files import no_nan, read_regular
from limbeck.messages.escape import inert
from limbeck.messages.judgements import Judgement, judgements
from limbeck.messages.message import Message, message, restored

FILE = "trust.json"
_LARGEST = 32 * 2**20  # bytes; 64 teachers and 1,000 classes need a tenth of it
_SHOWN_CLASSES = 6  # recall of more classes does not fit beside the rest
_WEAKEST = 3
_MEASURED = {"test": "expected.measured_test", "valid": "expected.measured_valid"}

# A mean of probabilities may pass 1 by rounding.
_Share = Annotated[float, Field(ge=-1e-6, le=1 + 1e-6)]
_Name = Annotated[str, Field(max_length=1000)]
_Count = Annotated[int, Field(ge=0, le=10**12)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class Teacher(_Part):
    """One teacher; None stands for what cannot be known, as for one that never answers."""

    name: _Name
    relevance: Annotated[float, Field(ge=-1e6, le=1e6)] | None
    accuracy: _Share | None
    interval: Annotated[list[_Share | None], Field(min_length=2, max_length=2)]
    recall: Annotated[dict[_Name, _Share | None], Field(max_length=10_000)]
    calibration: _Share | None = None
    decided: _Count
    flips_without: _Share | None
    measured_accuracy: _Share | None = None


class Calibration(_Part):
    """The expected calibration error of the joined answer on labelled test rows."""

    expected: _Share | None


class Measured(_Part):
    """The joined answer on labelled test rows."""

    accuracy: _Share | None
    rows: _Count


class Trust(_Part):
    """The content of ``trust.json``; see `limbeck.training.distill.trust_report.trust_of`."""

    rows: _Count
    unanswered: _Count = 0
    teachers: Annotated[list[Teacher], Field(min_length=1, max_length=1000)]
    expected_accuracy: _Share | None
    class_rates: Annotated[dict[_Name, _Share | None], Field(max_length=10_000)]
    notes: Annotated[list[Annotated[str, Field(max_length=50_000)]], Field(max_length=200)]
    messages: Any = None  # codes and values of the notes; a file of version 0.1.0 has none
    calibration: Calibration | None = None
    measured: Measured | None = None

    def by_relevance(self) -> list[Teacher]:
        """Return the teachers, the most trusted first, those of unknown relevance last."""
        return sorted(self.teachers, key=lambda one: -one.relevance if one.relevance is not None else float("inf"))

    def told(self) -> list[str]:
        """Return the notes: messages that name their teachers, and plain strings where the file has no more."""
        names = [teacher.name for teacher in self.teachers]
        return [_named(note, names) for note in restored(self.notes, self.messages)]

    def shown_classes(self) -> list[str]:
        """Return the classes that have a column of their own; none where there are too many."""
        classes = list(dict.fromkeys(label for teacher in self.teachers for label in teacher.recall))
        return classes if len(classes) <= _SHOWN_CLASSES else []


def checked(raw: Mapping[str, Any], where: object = "trust") -> Trust:
    """Return the facts of a trust report.

    Raises
    ------
    LimbeckError
        For an entry that is missing, of another type or out of range; it names the entry.
    """
    try:
        return Trust.model_validate(no_nan(dict(raw)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(inert(part, 60) for part in first["loc"])  # names of classes may be among them
        what = message("file.damaged", key=key, error=first["msg"])
        raise LimbeckError(what, where=where, fix=message("fix.retrain")) from error


def read_trust(folder: Path) -> dict[str, Any] | None:
    """Return the trust report of a bundle, checked; None when it has none.

    Raises
    ------
    LimbeckError
        For a file that cannot be read or is no trust report.
    """
    file = folder / FILE
    if not file.exists() and not file.is_symlink():
        return None
    try:
        raw = json.loads(read_regular(file, _LARGEST, inside=folder).decode("utf-8"))
        if not isinstance(raw, dict):
            raise LimbeckError(message("file.not_object"), where=file)
        checked(raw, file)
    except OSError as error:
        raise LimbeckError(message("file.unreadable", error=str(error.strerror)), where=file) from error
    except (ValueError, RecursionError) as error:
        raise LimbeckError(message("file.not_json"), where=file) from error
    return raw


def meaning(notes: Sequence[str]) -> str:
    """Return what the notes say of the panel.

    A `Judgement`; "corrected" for a doubt that labels met; "unjudged" where nothing was checked; "unread" where some
    notes are sentences without a code, as in files of version 0.1.0.
    """
    said = judgements(notes)
    if Judgement.DOUBT in said:
        return "corrected" if Judgement.REVIEWED in said else "doubt"
    order = (Judgement.UNIFORM, Judgement.ALONE, Judgement.BESIDE, Judgement.WEIGHED)
    coded = all(isinstance(note, Message) for note in notes)
    return next((one for one in order if one in said), "unjudged" if coded else "unread")


def expectation(trust: Trust, metrics: Mapping[str, Any], part: str = "") -> Message:
    """Return the accuracy expected without labels beside what was measured with them.

    ``metrics`` is the dict of `metrics.measure` on the student's answers, ``part`` "test", "valid" or another word.
    """
    expected = trust.expected_accuracy
    if expected is None:
        return message("expected.none")
    reviewed = Judgement.REVIEWED in judgements(trust.told())
    code = "expected.with_reviewed" if reviewed else "expected.without_labels"
    parts = [message(code, accuracy=100 * expected)]
    accuracy, n = metrics.get("accuracy"), int(metrics.get("n") or 0)
    if accuracy is None or not n:
        return message("expected.whole", text=_joined([*parts, message("expected.no_rows")]))
    parts.append(message(_MEASURED.get(part, "expected.measured"), accuracy=100 * accuracy, count=n))
    if span := metrics.get("confidence_intervals", {}).get("accuracy"):
        # Not "the estimate is off": it is of the joined answer, and a student may be better or worse than that.
        if span[0] <= expected <= span[1]:
            parts.append(message("expected.as_expected"))
        else:
            way = "expected.more" if accuracy > expected else "expected.less"
            parts.append(message(way, points=100 * abs(expected - accuracy)))
    return message("expected.whole", text=_joined(parts))


def with_labels(trust: Trust) -> Message | None:
    """Return what labels said of the joined answer itself, None where none were asked."""
    parts = []
    if (found := trust.measured) and found.accuracy is not None and found.rows:
        parts.append(message("expected.joined", accuracy=100 * found.accuracy, count=found.rows))
    if trust.calibration and trust.calibration.expected is not None:
        parts.append(message("expected.off", points=100 * trust.calibration.expected))
    return message("expected.with_labels", text=_joined(parts)) if parts else None


def _joined(parts: Sequence[Message]) -> Message:
    return reduce(lambda one, other: message("expected.and", one=one, other=other), parts)


def _named(note: str, names: Sequence[str]) -> str:
    """Return a note with the names of the teachers that it gives by number."""
    numbers = note.values.get("teachers") if isinstance(note, Message) else None
    if not isinstance(note, Message) or not isinstance(numbers, tuple):
        return note
    known = [names[k] if isinstance(k, int) and 0 <= k < len(names) else k for k in numbers]
    return note.with_values(teachers=known)


def weakest(teacher: Teacher) -> list[tuple[str, float]]:
    """Return the classes that a teacher finds least, with its recall of them."""
    known = [(label, share) for label, share in teacher.recall.items() if share is not None]
    return sorted(known, key=lambda one: one[1])[:_WEAKEST]
