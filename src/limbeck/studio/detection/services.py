"""Ask a model about one row or a few, and keep its answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.detection.boxes import fields_of
from limbeck.studio.detection.classifiers import classifier_of, detector_of
from limbeck.studio.detection.models import Prediction
from limbeck.studio.registry.facts import Version
from limbeck.studio.roles import Ability

PARTS = 12  # of an explanation


@dataclass(frozen=True)
class Row:
    """A row to ask about: what the classifier reads, how it is kept, and where its file is."""

    value: Any
    content: str
    file: str = ""


def text_row(text: str) -> Row:
    """Return a text as a row."""
    return Row(text, text)


def table_row(values: dict[str, str | None]) -> Row:
    """Return the columns of a table's row."""
    return Row(values, json.dumps(values, ensure_ascii=False))


def picture_row(path: Path, name: str) -> Row:
    """Return a picture that is kept in the data folder."""
    return Row(path, name, str(path.relative_to(settings.HOME)))


def visible(user: User) -> QuerySet:
    """Return the answers that a person may see: their own, or all."""
    found = Prediction.objects.select_related("created_by")
    return found if user.may(Ability.ADMINISTER) else found.filter(created_by=user)


def ask(
    version: Version, rows: list[Row], *, by: User, explain: bool = True, request: HttpRequest | None = None
) -> list[Prediction | LimbeckError]:
    """Answer rows, keep each answer, and return them in order; an error in the place of a row without an answer.

    Raises
    ------
    LimbeckError
        When the model cannot be run.
    """
    if version.finds_boxes:
        return _kept(version, _boxes(version, rows, by), len(rows), by=by, request=request)
    classifier = classifier_of(version)
    values = values_of(version, [row.value for row in rows])
    began = time.perf_counter()
    answers = classifier.answer(values)
    milliseconds = 1000 * (time.perf_counter() - began) / max(len(rows), 1)
    explained = classifier.explain(values, top=PARTS, unreadable="nan") if explain else [None] * len(rows)
    out: list[Prediction | LimbeckError] = []
    for at, (row, told) in enumerate(zip(rows, answers.to_dicts(), strict=True)):
        if told["label"] is None:
            out.append(answers.errors.get(at) or LimbeckError(str(told["error"])))
            continue
        parts = explained[at]
        out.append(
            Prediction(
                created_by=by,
                model=version.name,
                version=version.version,
                kind=version.kind,
                content=row.content,
                file=row.file,
                label=told["label"],
                probability=told["probability"],
                probabilities=told["probabilities"],
                margin=told["margin"],
                threshold=told["threshold"],
                milliseconds=milliseconds,
                explanation=None if parts is None else parts.to_dict()["parts"],
            )
        )
    return _kept(version, out, len(rows), by=by, request=request)


def _boxes(version: Version, rows: list[Row], by: User) -> list[Prediction | LimbeckError]:
    """Return what is found in pictures, each asked by itself: one that cannot be read costs no other its answer."""
    detector = detector_of(version)
    out: list[Prediction | LimbeckError] = []
    for row in rows:
        began = time.perf_counter()
        try:
            (found,) = detector.detect([row.value])
        except LimbeckError as error:
            out.append(error)
            continue
        assert found is not None  # what cannot be read raises
        same = {"model": version.name, "version": version.version, "kind": version.kind, "created_by": by}
        milliseconds = 1000 * (time.perf_counter() - began)
        given = {"content": row.content, "file": row.file, "milliseconds": milliseconds}
        out.append(Prediction(**same, **given, **fields_of(found, version)))
    return out


def _kept(
    version: Version, out: list[Prediction | LimbeckError], rows: int, *, by: User, request: HttpRequest | None
) -> list[Prediction | LimbeckError]:  # fmt: skip
    """Store answers with their audit entry, and return them with the errors."""
    with transaction.atomic():
        made = [one for one in out if isinstance(one, Prediction)]
        for one in made:
            one.save()
        target = f"prediction:{made[0].pk}" if len(made) == 1 else ""
        record(
            "detection.answer", actor=by.pk, target=target, request=request, model=version.full, rows=rows,
            answered=len(made),
        )  # fmt: skip
    return out


def delete(prediction: Prediction, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete an answer; its picture too, where no other answer has it."""
    file = prediction.file
    with transaction.atomic():
        record("detection.delete", actor=by.pk, target=f"prediction:{prediction.pk}", request=request)
        prediction.delete()
        if file and not Prediction.objects.filter(file=file).exists():
            transaction.on_commit(lambda: (Path(settings.HOME) / file).unlink(missing_ok=True))


def values_of(version: Version, values: list[Any]) -> Any:
    """Return rows as the classifier of a version reads them: of a table as a frame of its columns."""
    if version.cells:
        names = version.manifest.task.inputs
        return pl.DataFrame(
            {name: [value.get(name) for value in values] for name in names}, schema=dict.fromkeys(names, pl.String)
        )
    return values
