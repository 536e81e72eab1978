"""Pages on detection: ask about one row or many, and see the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.studio.accounts.access import needs
from limbeck.studio.detection import services
from limbeck.studio.detection.batches import staging
from limbeck.studio.detection.forms import BatchForm, ColumnForm, single_form
from limbeck.studio.detection.marks import drawn
from limbeck.studio.detection.models import Prediction
from limbeck.studio.detection.pictures import content_type
from limbeck.studio.registry.facts import Version, in_columns, published
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown
from limbeck.studio.web.request import from_htmx

PER_PAGE = 25


class FilterForm(forms.Form):
    """Which answers are listed."""

    q = forms.CharField(label=gettext_lazy("Search"), max_length=100, required=False)
    model = forms.CharField(label=gettext_lazy("Model"), max_length=100, required=False)
    label = forms.CharField(label=gettext_lazy("Class"), max_length=200, required=False)


def chosen_model(request: HttpRequest) -> tuple[list[Version], Version | None]:
    """Return the published models and the one that is asked for, or was asked last, or the first."""
    models = published()
    name = request.POST.get("model") or request.GET.get("model") or request.session.get("model")
    return models, next((one for one in models if one.name == name), models[0] if models else None)


@needs(Ability.DETECT)
@require_http_methods(["GET", "POST"])
def detect(request: HttpRequest) -> HttpResponse:
    """Ask a model about one row."""
    models, model = chosen_model(request)
    if model is None:
        return render(request, "detection/no_model.html")
    request.session["model"] = model.name
    if request.method != "POST":
        return render(request, "detection/detect.html", panel(models, model, single_form(model)))
    form = single_form(model, request.POST, request.FILES)
    if form is None:
        raise Http404
    found: Prediction | None = None
    if form.is_valid():
        try:
            answer = services.ask(model, [form.row()], by=request.user, request=request)[0]
        except LimbeckError as error:
            answer = error
        if isinstance(answer, LimbeckError):
            form.add_error(next(iter(form.fields)) if len(form.fields) == 1 else None, shown(answer))
        else:
            found = answer
    if from_htmx(request):
        if found is None:
            return render(request, "detection/form.html", panel(models, model, form), status=422)
        return render(request, "detection/answer.html", {"prediction": found, "fresh": True, **drawn(found)})
    if found is not None:
        return redirect("prediction", number=found.pk)
    return render(request, "detection/detect.html", panel(models, model, form))


def panel(
    models: list[Version], model: Version, form: forms.Form | None, batch: forms.Form | None = None
) -> dict[str, Any]:
    """Return what the detect page shows."""
    return {"models": models, "model": model, "form": form, "batch": batch or BatchForm(model)}


@needs(Ability.DETECT)
@require_POST
def batch(request: HttpRequest) -> HttpResponse:
    """Start a batch; ask for the column with the text where the table has none of the right name."""
    models, model = chosen_model(request)
    if model is None:
        raise Http404
    form = BatchForm(model, request.POST, request.FILES)
    if form.is_valid():
        staged = None
        try:
            staging.need_files(model, form.cleaned_data["files"])
            staged = staging.stage(model, form.cleaned_data["files"])
            columns = staged.columns() if staged.source else []
            missing = staging.missing_inputs(staged, columns) if columns else []
        except LimbeckError as error:
            form.add_error("files", shown(error))
            if staged:
                staging.discard(staged)
        else:
            if missing and model.one_text:
                asking = ColumnForm(columns, initial={"staged": staged.token(request.user)})
                return render(request, "detection/column.html", {"form": asking, "model": model, "staged": staged})
            if not missing:
                return redirect("job", number=staging.start(staged, by=request.user, request=request).pk)
            staging.discard(staged)
            form.add_error("files", _("The table lacks these columns: %(names)s") % {"names": ", ".join(missing)})
    return render(request, "detection/detect.html", panel(models, model, single_form(model), form), status=422)


@needs(Ability.DETECT)
@require_POST
def batch_column(request: HttpRequest) -> HttpResponse:
    """Start a batch whose column with the text was chosen."""
    staged = staging.Staged.of(request.POST.get("staged", ""), request.user)
    if staged is None:
        messages.error(request, _("The uploaded file is no longer there. Upload it again."))
        return redirect("detect")
    form = ColumnForm(staged.columns(), request.POST)
    if not form.is_valid():
        return render(request, "detection/column.html", {"form": form, "staged": staged}, status=422)
    job = staging.start(staged, by=request.user, column=form.cleaned_data["column"], request=request)
    return redirect("job", number=job.pk)


@needs(Ability.DETECT)
@require_GET
def predictions(request: HttpRequest) -> HttpResponse:
    """List answers, the newest first."""
    form = FilterForm(request.GET)
    found = filtered(services.visible(request.user), form)
    page = Paginator(found.defer("explanation", "probabilities"), PER_PAGE).get_page(request.GET.get("page"))
    for one in page:
        one.brief = brief(one)
    return render(request, "detection/list.html", {"form": form, "page": page})


def filtered(found: QuerySet, form: FilterForm) -> QuerySet:
    """Return the answers that a form asks for."""
    if not form.is_valid():
        return found.none()
    asked = form.cleaned_data
    if asked["q"]:
        found = found.filter(content__icontains=asked["q"])
    if asked["model"]:
        found = found.filter(model=asked["model"])
    if asked["label"]:
        found = found.filter(label=asked["label"])
    return found


def brief(prediction: Prediction) -> str:
    """Return a row in one line."""
    if not KINDS[prediction.kind].one_text and prediction.content.startswith("{"):
        return " · ".join(str(cell) for cell in json.loads(prediction.content).values() if cell is not None)
    return str(prediction.content)


@needs(Ability.DETECT)
@require_GET
def prediction(request: HttpRequest, number: int) -> HttpResponse:
    """Show an answer."""
    found = get_object_or_404(services.visible(request.user), pk=number)
    cells = json.loads(found.content) if in_columns(found.kind) else {}
    return render(request, "detection/detail.html", {"prediction": found, "cells": cells, **drawn(found)})


@needs(Ability.DETECT)
@require_GET
def picture(request: HttpRequest, number: int) -> HttpResponse:
    """Show the picture of an answer."""
    found = get_object_or_404(services.visible(request.user), pk=number)
    path = Path(settings.HOME) / found.file
    if not found.file or not path.is_file():
        raise Http404
    response = FileResponse(path.open("rb"), content_type=content_type(path))
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@needs(Ability.DETECT)
@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete an answer."""
    services.delete(get_object_or_404(services.visible(request.user), pk=number), by=request.user, request=request)
    messages.success(request, _("Deleted."))
    return redirect("predictions")
