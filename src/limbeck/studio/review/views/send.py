"""Buttons on other pages that send answers to review."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.detection import services as detection
from limbeck.studio.jobs import services as jobs
from limbeck.studio.review.services.adding.send import send_job, send_one
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown


@needs(Ability.DETECT)
@require_POST
def batch(request: HttpRequest, number: int) -> HttpResponse:
    """Send the answers of a batch to review."""
    found = get_object_or_404(jobs.visible(request.user), pk=number, kind="batch", state="finished")
    return redirect("job", number=send_job(found, by=request.user, request=request).pk)


@needs(Ability.DETECT)
@require_POST
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Send one answer to review."""
    found = get_object_or_404(detection.visible(request.user), pk=number)
    try:
        send_one(found, by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, shown(error))
    else:
        messages.success(request, _("It waits for review."))
    return redirect("prediction", number=number)
