"""The adjudication page: the answers to a disputed item side by side, and the decision."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.review.services.answers.adjudicate import adjudicate, disputed
from limbeck.studio.review.services.answers.answer import Answer
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.review.services.display.history import history
from limbeck.studio.review.services.display.shown import as_html
from limbeck.studio.review.services.quality.seen import note_seen
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown

CAPPED = 1000  # disputes that are counted at most


@needs(Ability.REVIEW)
@require_GET
def disputes(request: HttpRequest) -> HttpResponse:
    """Show the oldest disputed item that the person may decide."""
    found = disputed(request.user)
    after = request.GET.get("after", "")
    item = (found.filter(pk__gt=int(after)) if after.isdecimal() and len(after) < 18 else found).first()
    context = {"item": item, "count": found.values("pk")[:CAPPED].count(), "key": uuid.uuid4().hex}
    if item is not None:
        note_seen(request.user, [item.pk])
        answers = [event for event in history(item) if event.label or event.note][1:]
        context |= {"html": as_html(item), "classes": classes_of(item.model), "events": answers}
    return render(request, "review/disputes.html", context)


@needs(Ability.REVIEW)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Decide a disputed item."""
    asked = request.POST
    try:
        given = Answer(number, asked.get("key", ""), asked.get("label", ""), note=asked.get("note", ""))
        adjudicate(given, by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, shown(error))
    else:
        messages.success(request, _("Saved."))
    return redirect("review_disputes")
