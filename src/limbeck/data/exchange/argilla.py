"""Records of Argilla 2 as its ``Dataset.records.to_json`` writes them, the history in ``metadata``.

A question ``label`` has a suggestion for the model's answer and a response for each person. Argilla names people by
UUIDs and takes one response of each, so that the last review of a person goes out; all stay in the history.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from limbeck.data.exchange.record import Record, Review, content_of, restored, told
from limbeck.errors import LimbeckError

QUESTION = "label"
OBJECTS = ("fields", "metadata", "responses", "suggestions")  # fields of a record that are objects
_PEOPLE = uuid.UUID("6f2a5b1e-6d0c-5f3f-9c55-1f6e3f0a7c11")  # namespace of people's names


def person_id(name: str) -> str:
    """Return the UUID that stands for a name of a user."""
    return str(uuid.uuid5(_PEOPLE, name))


def to_argilla(record: Record) -> dict[str, Any]:
    """Return a record as Argilla's JSON has it."""
    suggestions = {}
    if record.answers and record.answers[-1].label:
        answer = record.answers[-1]
        agent = f"{answer.model}@{answer.version}" if answer.version else answer.model
        suggestions[QUESTION] = {"value": answer.label, "score": answer.probability, "agent": agent or None}
    last = {person_id(review.by): review.label for review in record.people}
    responses = [{"value": label, "user_id": person} for person, label in last.items()]
    return {
        "id": record.id or None,
        "fields": dict(record.content),
        "metadata": {"limbeck": record.history()},
        "suggestions": suggestions,
        "responses": {QUESTION: responses} if responses else {},
        "vectors": {},
        "status": "completed" if record.label else "pending",
    }


def from_argilla(entry: Mapping[str, Any]) -> Record:
    """Return the record of Argilla's JSON; responses that the history lacks are new reviews.

    Raises
    ------
    LimbeckError
        For what is no record, and a response that is no class.
    """
    fields, metadata = entry.get("fields"), entry.get("metadata") or {}
    if not isinstance(fields, dict) or not isinstance(metadata, dict):
        raise LimbeckError("the record has no object as 'fields' or 'metadata'")
    record = restored(metadata.get("limbeck"), content_of(fields))
    responses = entry.get("responses") or {}
    given = responses.get(QUESTION, []) if isinstance(responses, dict) else None
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise LimbeckError(f"the record has no list of responses to the question {QUESTION!r}")
    found = []
    for one in given:
        if not isinstance(one.get("value"), str):
            raise LimbeckError("a response is no single class")
        found.append(Review(one["value"], f"argilla:{one.get('user_id')}", "", "import"))
    return _changed(record, found)


def _changed(record: Record, given: list[Review]) -> Record:
    """Return a record with the responses that are not the last review of their person."""
    last = {f"argilla:{person_id(review.by)}": review.label for review in record.people}
    return told(record, [review for review in given if last.get(review.by) != review.label])
