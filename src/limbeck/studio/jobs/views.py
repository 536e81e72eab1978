"""Pages of jobs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from limbeck.studio.accounts.access import needs
from limbeck.studio.jobs import services
from limbeck.studio.jobs.kinds import kind_of
from limbeck.studio.jobs.models import STATES, Job
from limbeck.studio.jobs.reasons import reason
from limbeck.studio.roles import Ability
from limbeck.studio.web.request import from_htmx

PER_PAGE = 20


class FilterForm(forms.Form):
    """Which jobs are listed."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"), choices=[("", gettext_lazy("All states")), *STATES], required=False
    )


@needs(Ability.DETECT)
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """List jobs; the list asks for itself again while one of them runs."""
    form = FilterForm(request.GET)
    found = services.visible(request.user)
    if form.is_valid() and form.cleaned_data["state"]:
        found = found.filter(state=form.cleaned_data["state"])
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "moving": any(not job.ended for job in page)}
    return render(request, "jobs/rows.html" if from_htmx(request) else "jobs/list.html", context)


@needs(Ability.DETECT)
@require_GET
def job(request: HttpRequest, number: int) -> HttpResponse:
    """Show one job; its card asks for itself again while it runs."""
    found = get_object_or_404(services.visible(request.user), pk=number)
    return render(request, "jobs/card.html" if from_htmx(request) else "jobs/detail.html", card(found))


def card(found: Job) -> dict[str, Any]:
    """Return what the card of a job shows."""
    kind = kind_of(found)
    context: dict[str, Any] = {"job": found, "reason": reason(found.reason)}
    if found.state == "running" and kind is not None:
        context["lines"] = kind.lines_of(found)
    if found.state == "finished" and kind is not None and kind.template:
        context |= {"result_template": kind.template, **kind.summary_of(found)}
    return context


@needs(Ability.DETECT)
@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Cancel a job."""
    services.cancel(get_object_or_404(services.visible(request.user), pk=number), by=request.user, request=request)
    return redirect("job", number=number)


@needs(Ability.DETECT)
@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    """Queue a job again."""
    services.retry(get_object_or_404(services.visible(request.user), pk=number), by=request.user, request=request)
    return redirect("job", number=number)


@needs(Ability.DETECT)
@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete a job that has ended, and its answers."""
    found = get_object_or_404(services.visible(request.user), pk=number)
    if not services.delete(found, by=request.user, request=request):
        messages.error(request, _("Cancel the job first."))
        return redirect("job", number=number)
    messages.success(request, _("Deleted."))
    return redirect("jobs")
