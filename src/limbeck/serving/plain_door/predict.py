"""The plain door: ``POST /predict`` with texts, rows, signals or pictures, for people and scripts.

The body is JSON, ``{"texts": ["…"]}``, ``{"rows": [{"age": 30}]}``, ``{"signals": [[[…]]]}`` or ``{"pictures":
["Base64"]}``, or a form with pictures as files. Beside the rows stand ``model`` (needed where several are served),
``top`` (the most probable classes of each row), ``threshold`` (for two classes, instead of the bundle's), ``explain``
and ``timeout`` in seconds. A bundle that finds boxes answers each picture with its boxes, one that gives several labels
each row with its labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbeck.bundle.answer import margins, readable
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.serving.http import Refusal, Request, Response, json_object, json_response, refused
from limbeck.serving.loaded import Loaded, LoadedRows
from limbeck.serving.oip.infer import check_explained, explanations
from limbeck.serving.plain_door.multipart import read_form
from limbeck.serving.repository import Repository
from limbeck.serving.waiting import Outcome

MANY = ("texts", "rows", "pictures", "signals")
_OPTIONS = ("model", "version", "top", "threshold", "explain", "timeout")


@dataclass(frozen=True)
class Asked:
    """What a plain request asks."""

    many: str
    rows: list[Any]
    model: str = ""
    version: str = ""
    top: int | None = None
    threshold: float | None = None
    explain: bool = False
    timeout: float | None = None


async def predict(request: Request, repository: Repository) -> Response:
    """Answer ``POST /predict``."""
    body = await request.read(repository.settings.most_bytes)
    content_type = request.header("content-type")
    given = _of_form(body, content_type) if content_type.startswith("multipart/form-data") else json_object(body)
    asked = _asked(given)
    name = asked.model or _only(repository)
    loaded = repository.find(name, asked.version)
    request.facts["model"] = name  # known by now: no client can make up labels of the metrics
    with loaded:
        return json_response(await _answer(asked, loaded, name, repository, request))


async def _answer(
    asked: Asked, loaded: Loaded, name: str, repository: Repository, request: Request
) -> dict[str, Any]:  # fmt: skip
    if asked.many != loaded.tensors.MANY:
        raise Refusal(400, f"the model {name!r} takes {loaded.tensors.MANY!r}, not {asked.many!r}")
    most = repository.settings.most_rows
    if len(asked.rows) > most:
        raise Refusal(413, f"{len(asked.rows):,} rows; send at most {most:,} in one request")
    if asked.explain:
        check_explained(len(asked.rows))
    if isinstance(loaded, LoadedRows):
        return await _rows_of(asked, loaded, name, repository, request)
    classifier = loaded.classifier
    if asked.threshold is not None and len(classifier.classes) != 2:
        raise Refusal(400, f"threshold: {name!r} has {len(classifier.classes)} classes; it is for two")
    try:
        raw = loaded.tensors.values_of_json(asked.rows, loaded.task)
        values, places, bad, count = readable(raw, loaded.checked)
    except LimbeckError as error:
        raise refused(error) from error
    deadline = repository.deadline(asked.timeout)
    found = await loaded.answer(values, deadline, request.gone)
    repository.answered(name, values, found, loaded)
    threshold = classifier.threshold if asked.threshold is None else asked.threshold
    if asked.threshold is not None:
        found = _at_threshold(found, classifier.manifest.positive, asked.threshold)
    predictions = _predictions(found, classifier.classes, asked.top)
    if asked.explain:
        for one, told in zip(predictions, await explanations(loaded, values, 5, deadline), strict=True):
            one["explanation"] = told["parts"] if told else None
    if bad:
        predictions = _with_unread(predictions, places.tolist(), bad, count)
    return {"model": name, "version": loaded.version, "threshold": threshold, "predictions": predictions}


async def _rows_of(
    asked: Asked, loaded: LoadedRows, name: str, repository: Repository, request: Request
) -> dict[str, Any]:  # fmt: skip
    """Answer a request for boxes or several labels; ``threshold`` stands for that of each class or label."""
    if (why := loaded.refusal(name, asked.threshold, explain=asked.explain)) is not None:
        raise Refusal(400, why)
    try:
        values, places, bad, count = readable(loaded.tensors.values_of_json(asked.rows, loaded.task), loaded.checked)
    except LimbeckError as error:
        raise refused(error) from error
    found = await loaded.answer(values, repository.deadline(asked.timeout), request.gone)
    repository.answered(name, values, found, loaded)
    predictions = [loaded.unread(bad.get(at)) for at in range(count)]
    for at, one in zip(places.tolist(), loaded.rows(found, asked.threshold, asked.top), strict=True):
        predictions[at] = one
    return {"model": name, "version": loaded.version, **loaded.facts(), "predictions": predictions}


def _predictions(found: Outcome, classes: Sequence[str], top: int | None) -> list[dict[str, Any]]:
    out = []
    decided, margin = found.decided.tolist(), found.margins.tolist()
    for at, row in enumerate(found.probabilities.tolist()):
        index = decided[at]
        if index < 0:
            out.append(_unanswered(found.errors.get(at)))
            continue
        named = dict(zip(classes, row, strict=True))
        if top is not None:
            named = dict(sorted(named.items(), key=lambda pair: -pair[1])[:top])
        out.append({
            "label": classes[index], "probability": row[index], "probabilities": named, "margin": margin[at],
            "error": None,
        })  # fmt: skip
    return out


def _unanswered(error: LimbeckError | None) -> dict[str, Any]:
    why = None if error is None else str(error)
    return {"label": None, "probability": None, "probabilities": None, "margin": None, "error": why}


def _with_unread(
    answered: Sequence[dict[str, Any]], places: Sequence[int], bad: Mapping[int, LimbeckError], count: int
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the predictions of N rows, of which those at ``places`` could be read."""
    out = [_unanswered(bad.get(at)) for at in range(count)]
    for at, one in zip(places, answered, strict=True):
        out[at] = one
    return out


def _at_threshold(found: Outcome, positive: int, threshold: float) -> Outcome:
    """Return the answers to rows of two classes at another threshold than the bundle's."""
    p = found.probabilities
    above = np.where(p[:, positive] >= threshold, positive, 1 - positive)
    return Outcome(p, np.where(found.decided < 0, -1, above), margins(p, positive, threshold), found.errors)


def _only(repository: Repository) -> str:
    names = list(repository.known)
    if len(names) == 1:
        return names[0]
    raise Refusal(400, f"say which model: {', '.join(sorted(names)[:12]) or 'none is served'}")


def _of_form(body: bytes, content_type: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    files = []
    for part in read_form(body, content_type):
        if part.file:
            files.append(part.content)
        elif part.name in ("top", "threshold", "timeout", "explain"):
            given[part.name] = json_object(b'{"value": %b}' % part.content)["value"]
        else:
            given[part.name] = part.content.decode("utf-8", "replace")
    if not files:
        raise Refusal(400, "the form holds no file")
    return {**given, "pictures": files}


def _asked(given: Mapping[str, Any]) -> Asked:
    many = [name for name in MANY if name in given]
    for name in given:
        if name not in (*MANY, *_OPTIONS):
            raise Refusal(400, f"unknown key {name[:80]!r}; {did_you_mean(name, (*MANY, *_OPTIONS))}")
    if len(many) != 1:
        raise Refusal(400, f"give one of {', '.join(MANY)}")
    if not isinstance(given[many[0]], list):
        raise Refusal(400, f"{many[0]}: expected a list")
    asked = Asked(many[0], given[many[0]], **{name: given[name] for name in _OPTIONS if name in given})
    for name, value in (("model", asked.model), ("version", asked.version)):
        if not isinstance(value, str):
            raise Refusal(400, f"{name}: expected a string")
    if asked.top is not None and (type(asked.top) is not int or asked.top < 1):
        raise Refusal(400, "top: expected a whole number from 1")
    if not isinstance(asked.explain, bool):
        raise Refusal(400, "explain: expected true or false")
    for name, number, most in (("threshold", asked.threshold, 1.0), ("timeout", asked.timeout, 1e6)):
        if number is not None and (type(number) not in (int, float) or not 0 <= number <= most):
            raise Refusal(400, f"{name}: expected a number from 0 to {most:g}")
    return asked
