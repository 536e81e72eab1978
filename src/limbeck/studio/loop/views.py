"""Pages of the loop: train from a table, from reviewed rows or from other models; compare and publish."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.loop import automatic, projects, promote, retrain
from limbeck.studio.loop.comparing import compare, shown
from limbeck.studio.loop.forms import LabelForm, PromoteForm, RetrainForm, TableForm, TeachersForm
from limbeck.studio.loop.models import STATES
from limbeck.studio.loop.shadowing import traffic
from limbeck.studio.loop.watching import watched
from limbeck.studio.registry.facts import Version, published, version_of
from limbeck.studio.review.services.quality.audit import audited
from limbeck.studio.roles import Ability
from limbeck.studio.web import problems

SIGNALS = {
    "answers": gettext_lazy("Shares of the classes"),
    "scores": gettext_lazy("Probabilities"),
    "sizes": gettext_lazy("Sizes of rows"),
    "vectors": gettext_lazy("Contents of rows"),
}


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Upload a table; then ask which column is the label."""
    form = TableForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        table = projects.stage(form.cleaned_data["table"])
        try:
            looked = projects.look(table)
        except LimbeckError as error:
            projects.discard(table)
            form.add_error("table", problems.shown(error))
        else:
            name = re.sub(r"[^\w-]+", "-", PurePath(table.source).stem).strip("-")[:60] or "model"
            first = {"staged": table.token(request.user), "label": looked.label, "name": name, "minutes": 5}
            asking = LabelForm(looked.columns, initial=first)
            return render(request, "loop/label.html", {"form": asking, "looked": looked, "table": table})
    models = published()
    teachers = TeachersForm(models)
    status = 422 if form.errors else 200
    return render(request, "loop/new.html", {"form": form, "teachers": teachers, "models": models}, status=status)


@needs(Ability.ADMINISTER)
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Start the training from an uploaded table."""
    table = projects.Table.of(request.POST.get("staged", ""), request.user)
    if table is None:
        messages.error(request, _("The uploaded file is no longer there. Upload it again."))
        return redirect("train")
    looked = projects.look(table)
    form = LabelForm(looked.columns, request.POST)
    if form.is_valid():
        asked = {key: form.cleaned_data[key] for key in ("name", "label", "minutes")}
        try:
            job = projects.start(table, **asked, lang=_language(), by=request.user, request=request)
        except LimbeckError as error:
            form.add_error("label", problems.shown(error))
        else:
            return redirect("job", number=job.pk)
    return render(request, "loop/label.html", {"form": form, "looked": looked, "table": table}, status=422)


@needs(Ability.ADMINISTER)
@require_POST
def teach(request: HttpRequest) -> HttpResponse:
    """Start the training of a new model from published ones."""
    models = {one.name: one for one in published()}
    form = TeachersForm(list(models.values()), request.POST)
    if form.is_valid():
        asked = form.cleaned_data
        teachers = [models[name] for name in asked["teachers"]]
        try:
            source = models[asked["rows"]]
            job = retrain.cold_start(
                asked["name"], teachers, source, lang=_language(), by=request.user, request=request
            )
        except LimbeckError as error:
            form.add_error("teachers", problems.shown(error))
        else:
            return redirect("job", number=job.pk)
    context = {"form": TableForm(), "teachers": form, "models": list(models.values())}
    return render(request, "loop/new.html", context, status=422)


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def again(request: HttpRequest, name: str) -> HttpResponse:
    """Show what the next version of a model could learn from, and start its training."""
    version = _found(name)
    form = RetrainForm(request.POST or None, initial={"minutes": 5})
    if request.method == "POST" and form.is_valid():
        try:
            minutes = form.cleaned_data["minutes"]
            job = retrain.retrain(version, minutes=minutes, lang=_language(), by=request.user, request=request)
        except LimbeckError as error:
            form.add_error(None, problems.shown(error))
        else:
            return redirect("job", number=job.pk)
    rules = {"rows": automatic.ROWS, "class_rows": automatic.CLASS_ROWS, "points": round(100 * automatic.LOSS)}
    context = {
        "form": form, "version": version, "known": retrain.known_of(version), "rules": rules,
        "automatic": automatic.is_on(name),
    }  # fmt: skip
    return render(request, "loop/retrain.html", context, status=422 if form.errors else 200)


@needs(Ability.ADMINISTER)
@require_POST
def switch(request: HttpRequest, name: str) -> HttpResponse:
    """Switch automatic promotion on or off."""
    automatic.switch(_found(name).name, "on" in request.POST, by=request.user, request=request)
    messages.success(request, _("Saved."))
    return redirect("retrain", name=name)


@needs(Ability.ADMINISTER)
@require_http_methods(["GET"])
def watch(request: HttpRequest, name: str) -> HttpResponse:
    """Show whether what comes in has changed, and how accurate the published version is."""
    version = _found(name)
    try:
        found = watched(version)
    except LimbeckError as error:
        raise Http404 from error
    context = {
        "version": version, "found": found, "audited": audited(name),
        "signals": [(signal, SIGNALS[signal.name], drifted) for signal, drifted in found.signals],
        "warning": found.warning(get_language() or "en"),
    }  # fmt: skip
    return render(request, "loop/watch.html", context)


@needs(Ability.ADMINISTER)
@require_http_methods(["GET"])
def versions(request: HttpRequest, name: str, candidate: str) -> HttpResponse:
    """Compare a version with the published one on the audit sample."""
    return _compared(request, _found(name), _found(name, candidate), PromoteForm())


@needs(Ability.ADMINISTER)
@require_POST
def publish(request: HttpRequest, name: str, candidate: str) -> HttpResponse:
    """Publish a version whose verdict was read."""
    current, version = _found(name), _found(name, candidate)
    form = PromoteForm(request.POST)
    if form.is_valid():
        try:
            asked = form.cleaned_data
            found = compare(current, version)
            promote.promote(
                version, asked["current"], found, read=asked["read"], reason=asked["reason"], by=request.user,
                request=request,
            )  # fmt: skip
        except LimbeckError as error:
            form.add_error(None, problems.shown(error))
        else:
            messages.success(request, _("Published."))
            return redirect("model", name=name)
    return _compared(request, current, version, form)


@needs(Ability.ADMINISTER)
@require_POST
def shadow(request: HttpRequest, name: str, candidate: str) -> HttpResponse:
    """Start or stop shadow mode of a version."""
    promote.set_shadow(_found(name, candidate), "on" in request.POST, by=request.user, request=request)
    return redirect("compare", name=name, candidate=candidate)


@needs(Ability.ADMINISTER)
@require_POST
def retire(request: HttpRequest, name: str, candidate: str) -> HttpResponse:
    """Retire a candidate, or restore it."""
    try:
        promote.retire(_found(name, candidate), "on" in request.POST, by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, problems.shown(error))
    return redirect("compare", name=name, candidate=candidate)


def _compared(request: HttpRequest, current: Version, candidate: Version, form: PromoteForm) -> HttpResponse:
    context: dict[str, Any] = {
        "current": current, "candidate": candidate, "form": form, "state": promote.state_of(candidate),
        "traffic": traffic(candidate),
    }  # fmt: skip
    try:
        found = compare(current, candidate)
    except LimbeckError as error:
        return render(request, "loop/compare.html", context | {"problem": problems.shown(error)})
    context |= {"found": found, "sentence": shown(found.verdict.sentence, get_language() or "en")}
    context["state_label"] = STATES[context["state"]]
    return render(request, "loop/compare.html", context, status=422 if form.errors else 200)


def _found(name: str, version: str | None = None) -> Version:
    try:
        return version_of(name, version)
    except LimbeckError as error:
        raise Http404 from error


def _language() -> str:
    return "zh" if (get_language() or "").startswith("zh") else "en"
