"""Operations that train models: from a table, from reviewed rows, from other models; and what speaks for training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import File, Form, Router, Status, UploadedFile
from ninja.errors import HttpError

from limbeck.errors import LimbeckError
from limbeck.model_names import checked_name
from limbeck.studio.api.auth import ADMINISTER
from limbeck.studio.api.detection import job_out, version_named
from limbeck.studio.api.refusals import REFUSED, refusing
from limbeck.studio.api.schemas import JobOut
from limbeck.studio.api.training.schemas import ColdStartIn, DriftOut, Language, LearnableOut, Minutes, RetrainIn
from limbeck.studio.loop import projects, retrain
from limbeck.studio.loop.watching import watched
from limbeck.studio.review.services.quality.audit import audited
from limbeck.studio.web.problems import shown

router = Router(tags=["training"])


@router.post("/trainings", response={201: JobOut, **REFUSED}, auth=ADMINISTER)
def train(
    request: HttpRequest, name: str = Form(..., max_length=100), label: str = Form("", max_length=200),
    minutes: Minutes = Form(5), language: Language = Form("en"), file: UploadedFile = File(...),  # noqa: B008
) -> Any:  # fmt: skip
    """Start training a model from a table; without ``label`` the column is found, as `limbeck train` finds it."""
    with refusing(400):
        checked_name(name)
    table = projects.stage(file)
    try:
        looked = projects.look(table)
        column = label or looked.label
        if column in looked.columns:
            job = projects.start(
                table, name=name, label=column, minutes=minutes, lang=language, by=request.user, request=request
            )
            return Status(201, job_out(job))
    except LimbeckError as error:
        projects.discard(table)
        raise HttpError(400, shown(error)) from error
    projects.discard(table)
    raise HttpError(400, f"name the column with the label; the table has: {', '.join(looked.columns)[:500]}")


@router.post("/trainings/cold-start", response={201: JobOut, **REFUSED}, auth=ADMINISTER)
def cold_start(request: HttpRequest, data: ColdStartIn) -> Any:
    """Start training a new model from published models, on the rows that came in for one of them."""
    teachers, source = [version_named(one) for one in dict.fromkeys(data.teachers)], version_named(data.rows)
    with refusing(400):
        name = checked_name(data.name)
    with refusing():
        job = retrain.cold_start(name, teachers, source, lang=data.language, by=request.user, request=request)
    return Status(201, job_out(job))


@router.get("/models/{str:name}/learnable", response={200: LearnableOut, **REFUSED}, auth=ADMINISTER)
def learnable(request: HttpRequest, name: str) -> Any:
    """Return what the next version of a model could learn from."""
    known = retrain.known_of(version_named(name))
    return {**asdict(known), "enough": known.enough}


@router.post("/models/{str:name}/retrain", response={201: JobOut, **REFUSED}, auth=ADMINISTER)
def again(request: HttpRequest, name: str, data: RetrainIn) -> Any:
    """Start training the next version of a model from its reviewed rows."""
    version = version_named(name)
    with refusing():
        job = retrain.retrain(version, minutes=data.minutes, lang=data.language, by=request.user, request=request)
    return Status(201, job_out(job))


@router.get("/models/{str:name}/drift", response={200: DriftOut, **REFUSED}, auth=ADMINISTER)
def drift(request: HttpRequest, name: str) -> Any:
    """Return whether what comes in has changed, and how accurate the published version is."""
    version = version_named(name)
    with refusing():
        found = watched(version)
    expected = found.expected
    return {
        "model": version.name, "version": version.version, "rows": found.rows,
        "signals": [asdict(one) | {"drifted": drifted} for one, drifted in found.signals],
        "before": None if found.before is None else asdict(found.before),
        "words": [{"word": one.word, "before": one.reference, "newest": one.window} for one in found.words],
        "expected": None if expected is None else {
            "value": expected.value, "low": expected.low, "high": expected.high, "rows": expected.rows,
            "warning": found.warning(get_language() or "en"),
        },
        "audited": _audited(name),
    }  # fmt: skip


def _audited(name: str) -> dict[str, Any]:
    found = audited(name)
    return {"value": found.accuracy, "low": found.low, "high": found.high, "rows": found.rows}
