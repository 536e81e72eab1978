"""Tasks of Label Studio: ``data``, ``predictions`` and ``annotations`` with one choice, the history in ``meta``.

After https://labelstud.io/guide/task_format. The labelling configuration that fits is `CONFIG`: a text ``text`` with
choices ``label``. Label Studio keeps ``meta`` of a task as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import quoteattr

from limbeck.data.exchange.record import Answer, Record, Review, content_of, restored, told
from limbeck.errors import LimbeckError

OBJECTS = ("data", "meta", "annotations", "predictions")  # fields of a task that are objects or lists
CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="single">
{choices}
  </Choices>
  <TextArea name="note" toName="text"/>
</View>
"""


def config(labels: tuple[str, ...]) -> str:
    """Return the labelling configuration for classes."""
    return CONFIG.format(choices="\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels))


def to_task(record: Record) -> dict[str, Any]:
    """Return a record as a task."""
    task: dict[str, Any] = {"data": dict(record.content), "meta": {"limbeck": record.history()}}
    task["predictions"] = [
        {
            "model_version": f"{answer.model}@{answer.version}" if answer.version else answer.model,
            "result": _choice(answer.label),
            **({} if answer.probability is None else {"score": answer.probability}),
        }
        for answer in record.answers
        if answer.label
    ]
    task["annotations"] = [
        {
            "result": [*_choice(review.label), *(_note(review.note) if review.note else [])],
            "was_cancelled": False,
            **({"created_at": review.at} if review.at else {}),
        }
        for review in record.people
    ]
    return task


def from_task(task: Mapping[str, Any]) -> Record:
    """Return the record of a task; annotations that the history lacks are new reviews.

    Raises
    ------
    LimbeckError
        For what is no task, and a task with a region, several choices or a type that is no choice.
    """
    data = task.get("data")
    if not isinstance(data, dict):
        raise LimbeckError("the task has no object as 'data'")
    content = content_of(data)
    meta = task.get("meta")
    record = restored(meta.get("limbeck") if isinstance(meta, dict) else None, content)
    if not record.answers:
        predictions = task.get("predictions") or []
        record = replace(record, answers=tuple(filter(None, map(_answer, predictions))))
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list):
        raise LimbeckError("the task has no list as 'annotations'")
    return told(record, [review for one in annotations if (review := _review(one)) is not None])


def _answer(prediction: Any) -> Answer | None:
    """Return what a prediction of others says; None where it is no choice of one class."""
    result = prediction.get("result") if isinstance(prediction, dict) else None
    value = result[0].get("value") if isinstance(result, list) and result and isinstance(result[0], dict) else None
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or len(choices) != 1:
        return None
    score = prediction.get("score")
    known = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
    model = str(prediction.get("model_version") or "label-studio")
    return Answer(str(choices[0]), model, probability=float(score) if known else None)


def _review(annotation: Any) -> Review | None:
    """Return what an annotation says; None for a skipped one."""
    if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
        raise LimbeckError("an annotation has no list as 'result'")
    if annotation.get("was_cancelled"):
        return None
    labels, notes = [], []
    for part in annotation["result"]:
        value = part.get("value") if isinstance(part, dict) else None
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            labels += [str(choice) for choice in value["choices"]]
        elif isinstance(value, dict) and isinstance(value.get("text"), list):
            notes += [str(text) for text in value["text"]]
        else:
            raise LimbeckError("an annotation has a result that is neither a choice nor a note")
    if len(labels) > 1:
        raise LimbeckError(f"an annotation has {len(labels)} choices, where one class is wanted")
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    at = annotation.get("updated_at") or annotation.get("created_at") or ""
    return (
        Review(labels[0], f"label-studio:{by}" if by else "", str(at), "import", "\n".join(notes)) if labels else None
    )


def _choice(label: str) -> list[dict[str, Any]]:
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]


def _note(note: str) -> list[dict[str, Any]]:
    return [{"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": [note]}}]
