"""Operations of import and export."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import File, Form, Router, Schema, Status, UploadedFile
from ninja.errors import HttpError

from limbeck.errors import LimbeckError
from limbeck.studio.api.auth import ADMINISTER
from limbeck.studio.api.detection import job_out, version_named
from limbeck.studio.api.refusals import REFUSED
from limbeck.studio.api.schemas import JobOut
from limbeck.studio.detection.batches.staging import discard
from limbeck.studio.exchange import staging, views
from limbeck.studio.jobs import services as jobs
from limbeck.studio.web.problems import shown

router = Router(tags=["exchange"])
CSV = {"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "the rows"}}}
ANY = {
    "responses": {
        200: {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "description": "the file",
        }
    }
}


class ExportIn(Schema):
    """What to export; without a model, items of all."""

    form: Literal["excel", "csv", "jsonl", "parquet", "label-studio", "argilla", "doccano"]
    model: str = ""
    state: Literal["all", "done", "waiting"] = "all"


@router.post("/imports", response={201: JobOut, **REFUSED}, auth=ADMINISTER)
def import_file(
    request: HttpRequest, model: str = Form(..., max_length=100), sheet: str = Form("", max_length=200),
    text: str = Form("", max_length=200), label: str = Form("", max_length=200),
    labels: Literal["given", "reviewed"] = Form("given"), answer: bool = Form(True),
    file: UploadedFile = File(...),  # noqa: B008 - how ninja declares it
) -> Any:  # fmt: skip
    """Start an import of a file; ``text`` and ``label`` name columns of a table that is no export of this site."""
    version = version_named(model)
    staged = staging.keep_aside(version, file)
    try:
        found = staging.look_at(staged, sheet)
        job = staging.start(
            staged, found, by=request.user, sheet=sheet, text=text, label=label, labels=labels, answer=answer,
            request=request,
        )  # fmt: skip
    except LimbeckError as error:
        discard(staged)
        raise HttpError(400, shown(error)) from error
    return Status(201, job_out(job))


@router.get("/imports/{int:number}/errors.csv", auth=ADMINISTER, response=REFUSED, openapi_extra=CSV)
def import_errors(request: HttpRequest, number: int) -> Any:
    """Return the rows that an import could not take, with the reasons."""
    return views.errors_response(get_object_or_404(jobs.visible(request.user), pk=number, kind="import"))


@router.post("/exports", response={201: JobOut, **REFUSED}, auth=ADMINISTER)
def export(request: HttpRequest, data: ExportIn) -> Any:
    """Start an export."""
    job = staging.start_export(data.form, data.model, data.state, by=request.user, request=request)
    return Status(201, job_out(job))


@router.get("/exports/{int:number}/file", auth=ADMINISTER, response=REFUSED, openapi_extra=ANY)
def export_file(request: HttpRequest, number: int) -> Any:
    """Return the file of a finished export."""
    return views.file_response(get_object_or_404(jobs.visible(request.user), pk=number, kind="export"))
