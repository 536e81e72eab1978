"""Pages of import and export."""

from __future__ import annotations

import csv
import io
from typing import Any

from django import forms
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.data.exchange.escape import escaped
from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.detection.batches.staging import Staged, discard
from limbeck.studio.exchange import staging
from limbeck.studio.exchange.exporting import file_of
from limbeck.studio.exchange.forms import ColumnsForm, ExportForm, SheetForm, UploadForm
from limbeck.studio.exchange.models import Rejected
from limbeck.studio.exchange.template import template
from limbeck.studio.jobs import services as jobs
from limbeck.studio.jobs.models import Job
from limbeck.studio.registry.facts import published, version_of
from limbeck.studio.review.models import Item
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown

NEWEST = 10
BOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def reviewed_models() -> list[str]:
    """Return the models that have items under review."""
    return list(Item.objects.order_by("model").values_list("model", flat=True).distinct())


def panel(request: HttpRequest, upload: forms.Form | None = None, export: forms.Form | None = None) -> dict[str, Any]:
    """Return what the page shows."""
    models = published()
    kinds = ("import", "export")
    return {
        "upload": upload or UploadForm(models),
        "export": export or ExportForm(reviewed_models()),
        "models": [one for one in models if one.one_text or one.cells],
        "jobs": jobs.visible(request.user).filter(kind__in=kinds)[:NEWEST],
    }


@needs(Ability.ADMINISTER)
@require_GET
def exchange(request: HttpRequest) -> HttpResponse:
    """Show what can be imported and exported."""
    return render(request, "exchange/exchange.html", panel(request))


@needs(Ability.ADMINISTER)
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Keep a file aside and ask what is in it."""
    form = UploadForm(published(), request.POST, request.FILES)
    if form.is_valid():
        staged = staging.keep_aside(version_of(form.cleaned_data["model"]), form.cleaned_data["file"])
        try:
            return _ask(request, staged)
        except LimbeckError as error:
            discard(staged)
            form.add_error("file", shown(error))
    return render(request, "exchange/exchange.html", panel(request, upload=form), status=422)


@needs(Ability.ADMINISTER)
@require_POST
def setup(request: HttpRequest) -> HttpResponse:
    """Take the answers about a file, and start its import."""
    staged = Staged.of(request.POST.get("staged", ""), request.user)
    if staged is None:
        messages.error(request, _("The uploaded file is no longer there. Upload it again."))
        return redirect("exchange")
    try:
        return _ask(request, staged)
    except LimbeckError as error:
        messages.error(request, shown(error))
        return redirect("exchange")


def _ask(request: HttpRequest, staged: Staged) -> HttpResponse:
    """Ask for the sheet, then for the columns, then start."""
    sheet, token = request.POST.get("sheet", ""), staged.token(request.user)
    sheets = [] if sheet or "columns" in request.POST else staging.sheets(staged)
    if len(sheets) > 1:
        form = SheetForm(sheets, initial={"staged": token})
        return render(request, "exchange/setup.html", {"form": form, "staged": staged})
    found = staging.look_at(staged, sheet)
    version = version_of(staged.model, staged.version)
    given = (request.POST,) if "columns" in request.POST else ()
    form = ColumnsForm(version, found, *given, initial={"staged": token, "sheet": sheet, "answer": True})
    if given and form.is_valid():
        asked = {name: form.cleaned_data.get(name, "") for name in ("text", "label")}
        job = staging.start(
            staged, found, by=request.user, sheet=sheet, labels=form.cleaned_data.get("labels") or "given",
            answer=form.cleaned_data["answer"], request=request, **asked,
        )  # fmt: skip
        return redirect("job", number=job.pk)
    context = {"form": form, "staged": staged, "found": found, "asks_columns": True}
    return render(request, "exchange/setup.html", context, status=422 if given else 200)


@needs(Ability.ADMINISTER)
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """Start an export."""
    form = ExportForm(reviewed_models(), request.POST)
    if not form.is_valid():
        return render(request, "exchange/exchange.html", panel(request, export=form), status=422)
    job = staging.start_export(**form.cleaned_data, by=request.user, request=request)
    return redirect("job", number=job.pk)


@needs(Ability.ADMINISTER)
@require_GET
def exported(request: HttpRequest, number: int) -> HttpResponse:
    """Give the file of an export."""
    return file_response(get_object_or_404(jobs.visible(request.user), pk=number, kind="export"))


def file_response(job: Job) -> FileResponse:
    """Return the file of a finished export; raise Http404 where there is none."""
    path = file_of(job)
    if job.state != "finished" or not path.exists():
        raise Http404
    name = f"limbeck-{job.pk}{path.suffix}"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/octet-stream")


@needs(Ability.ADMINISTER)
@require_GET
def errors(request: HttpRequest, number: int) -> HttpResponse:
    """Give the rows that an import could not take, with the reasons."""
    return errors_response(get_object_or_404(jobs.visible(request.user), pk=number, kind="import"))


def errors_response(job: Job) -> HttpResponse:
    """Return the rejected rows of an import as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "reason"])
    for one in Rejected.objects.filter(job=job).iterator(chunk_size=2000):
        writer.writerow([one.row, escaped(one.reason)])
    response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{job.pk}-errors.csv"'
    return response


@needs(Ability.ADMINISTER)
@require_http_methods(["GET"])
def template_file(request: HttpRequest, name: str) -> HttpResponse:
    """Give a workbook to fill in for a model."""
    try:
        version = version_of(name)
    except LimbeckError as error:
        raise Http404 from error
    if not (version.one_text or version.cells):
        raise Http404
    response = HttpResponse(template(version), content_type=BOOK)
    response["Content-Disposition"] = f'attachment; filename="{version.name}.xlsx"'
    return response
