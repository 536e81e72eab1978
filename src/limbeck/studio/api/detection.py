"""Operations on models, answers and jobs."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import File, Form, Query, Router, Status
from ninja.errors import HttpError
from ninja.files import UploadedFile

from limbeck.errors import LimbeckError
from limbeck.studio.api.auth import DETECT, READ
from limbeck.studio.api.refusals import REFUSED, refusing
from limbeck.studio.api.schemas import Answer, Answers, JobOut, ModelOut, PredictionOut, Question
from limbeck.studio.detection import services
from limbeck.studio.detection.batches import downloads, staging
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs import services as jobs
from limbeck.studio.jobs.models import Job
from limbeck.studio.registry.facts import Version, published, version_of
from limbeck.studio.web.problems import shown

router = Router(tags=["detection"])
MOST = 200  # items of a page
_BYTES = {"type": "string", "format": "binary"}
CSV = {"responses": {200: {"description": "OK", "content": {"text/csv": {"schema": _BYTES}}}}}


def version_named(name: str) -> Version:
    """Return the published version of a model; 404 where there is none."""
    found = next((one for one in published() if one.name == name), None)
    if found is None:
        raise HttpError(404, "no published model has this name")
    return found


def _row(value: Any, version: Version) -> services.Row:
    if version.one_text and isinstance(value, str):
        return services.text_row(value)
    if version.cells and isinstance(value, dict):
        return services.table_row({name: None if cell is None else str(cell) for name, cell in value.items()})
    expected = {"text": "a text", "table": "an object of columns"}.get(version.kind, "a file: use POST /batches")
    raise HttpError(400, f"a row of this model is {expected}")


@router.post("/detect", response={200: Answers, **REFUSED}, auth=DETECT)
def detect(request: HttpRequest, question: Question) -> Any:
    """Answer rows and store the answers."""
    version = version_named(question.model)
    rows = [_row(value, version) for value in question.rows]
    with refusing(400):
        found = services.ask(version, rows, by=request.user, explain=question.explain, request=request)
    return {"model": version.name, "version": version.version, "answers": [_answer(one) for one in found]}


def _answer(found: Prediction | LimbeckError) -> Answer:
    if isinstance(found, LimbeckError):
        return Answer(error=shown(found))
    return Answer(
        id=found.pk, label=found.label, probability=found.probability, probabilities=found.probabilities,
        margin=found.margin, threshold=found.threshold, explanation=found.explanation,
    )  # fmt: skip


@router.get("/models", response={200: list[ModelOut], **REFUSED}, auth=READ)
def models(request: HttpRequest) -> Any:
    """List the published models."""
    return [_model(one) for one in published()]


@router.get("/models/{str:name}", response={200: ModelOut, **REFUSED}, auth=READ)
def model(request: HttpRequest, name: str) -> Any:
    """Return the published version of a model."""
    try:
        return _model(version_of(name))
    except LimbeckError as error:
        raise HttpError(404, "no published model has this name") from error


def _model(found: Version) -> ModelOut:
    return ModelOut(
        name=found.name, version=found.version, published=found.published, kind=found.kind,
        classes=found.manifest.classes, inputs=list(found.manifest.task.inputs), threshold=found.manifest.threshold,
        figures={name: value for name, value, _ in found.figures},
    )  # fmt: skip


@router.get("/predictions", response={200: list[PredictionOut], **REFUSED}, auth=DETECT)
def predictions(
    request: HttpRequest, model: str = "", label: str = "", job: int | None = Query(None, ge=1, lt=2**63),
    before: int | None = Query(None, ge=1, lt=2**63), limit: int = Query(50, ge=1, le=MOST),
) -> Any:  # fmt: skip
    """List stored answers, the newest first; ``before`` is the id of the last one of the page before."""
    found = services.visible(request.user)
    asked = {"model": model, "label": label, "job": job, "pk__lt": before}
    return [_prediction(one) for one in found.filter(**{name: value for name, value in asked.items() if value})[:limit]]


@router.get("/predictions/{int:number}", response={200: PredictionOut, **REFUSED}, auth=DETECT)
def prediction(request: HttpRequest, number: int) -> Any:
    """Return a stored answer."""
    return _prediction(get_object_or_404(services.visible(request.user), pk=number))


@router.delete("/predictions/{int:number}", response={204: None, **REFUSED}, auth=DETECT)
def delete_prediction(request: HttpRequest, number: int) -> Any:
    """Delete a stored answer."""
    services.delete(get_object_or_404(services.visible(request.user), pk=number), by=request.user, request=request)
    return Status(204, None)


def _prediction(found: Prediction) -> PredictionOut:
    return PredictionOut(
        id=found.pk, created_at=found.created_at, job=found.job_id, row=found.row, model=found.model,
        version=found.version, kind=found.kind, content=found.content, label=found.label,
        probability=found.probability, probabilities=found.probabilities, margin=found.margin,
        boxes=found.boxes,
    )  # fmt: skip


@router.post("/batches", response={201: JobOut, **REFUSED}, auth=DETECT)
def batch(
    request: HttpRequest, model: str = Form(..., max_length=100), column: str = Form("", max_length=200),
    files: list[UploadedFile] = File(..., min_length=1),  # noqa: B008 - how ninja declares it
) -> Any:  # fmt: skip
    """Start a job that answers the rows of a table, or many pictures or records."""
    version = version_named(model)
    staged = None
    try:
        staging.need_files(version, files)
        staged = staging.stage(version, files)
        columns = staged.columns() if staged.source else []
    except LimbeckError as error:
        if staged:
            staging.discard(staged)
        raise HttpError(400, shown(error)) from error
    missing = [] if column or not columns else staging.missing_inputs(staged, columns)
    if missing or (column and column not in columns):
        staging.discard(staged)
        raise HttpError(400, f"name the column with the text; the table has: {', '.join(columns)[:500]}")
    return Status(201, job_out(staging.start(staged, by=request.user, column=column, request=request)))


@router.get("/jobs", response={200: list[JobOut], **REFUSED}, auth=DETECT)
def list_jobs(
    request: HttpRequest, before: int | None = Query(None, ge=1, lt=2**63), limit: int = Query(50, ge=1, le=MOST)
) -> Any:
    """List jobs, the newest first."""
    found = jobs.visible(request.user)
    return [job_out(one) for one in (found.filter(pk__lt=before) if before else found)[:limit]]


@router.get("/jobs/{int:number}", response={200: JobOut, **REFUSED}, auth=DETECT)
def job(request: HttpRequest, number: int) -> Any:
    """Return a job."""
    return job_out(_own(request, number))


@router.post("/jobs/{int:number}/cancel", response={200: JobOut, **REFUSED}, auth=DETECT)
def cancel(request: HttpRequest, number: int) -> Any:
    """Cancel a job."""
    jobs.cancel(_own(request, number), by=request.user, request=request)
    return job_out(_own(request, number))


@router.post("/jobs/{int:number}/retry", response={200: JobOut, **REFUSED}, auth=DETECT)
def retry(request: HttpRequest, number: int) -> Any:
    """Queue a failed or cancelled job again."""
    jobs.retry(_own(request, number), by=request.user, request=request)
    return job_out(_own(request, number))


@router.delete("/jobs/{int:number}", response={204: None, **REFUSED}, auth=DETECT)
def delete_job(request: HttpRequest, number: int) -> Any:
    """Delete a job that has ended, with its answers."""
    if not jobs.delete(_own(request, number), by=request.user, request=request):
        raise HttpError(409, "cancel the job first")
    return Status(204, None)


@router.get("/jobs/{int:number}/answers.csv", auth=DETECT, response=REFUSED, openapi_extra=CSV)
def job_answers(request: HttpRequest, number: int) -> Any:
    """Return the table of a finished batch as CSV."""
    response: FileResponse = downloads.answers(request, number, "csv")
    return response


def _own(request: HttpRequest, number: int) -> Job:
    found: Job = get_object_or_404(jobs.visible(request.user), pk=number)
    return found


def job_out(found: Job) -> JobOut:
    """Return a job as the API tells it."""
    return JobOut(
        id=found.pk, kind=found.kind, title=found.title, state=found.state, stage=found.stage, done=found.done,
        total=found.total, reason=found.reason, result=found.result, created_at=found.created_at,
        finished_at=found.finished_at,
    )  # fmt: skip
