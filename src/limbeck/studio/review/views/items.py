"""The page of an item: what it is, what was answered, its history; its picture."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.detection.pictures import content_type
from limbeck.studio.review.models import Gold, Item
from limbeck.studio.review.services.answers.adjudicate import appeal
from limbeck.studio.review.services.answers.answer import Answer, answer
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.review.services.display.explain import explain
from limbeck.studio.review.services.display.history import history
from limbeck.studio.review.services.display.shown import as_html, file_of
from limbeck.studio.review.services.quality.seen import note_seen
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown


@needs(Ability.REVIEW)
@require_GET
def item(request: HttpRequest, number: int) -> HttpResponse:
    """Show an item. Before a person has answered a blind item, the page holds back what others answered."""
    found = get_object_or_404(Item.objects.select_related("final_by", "job", "assignment__person"), pk=number)
    open_blind = found.wanted > 1 and not found.done
    note_seen(request.user, [found.pk])
    if not open_blind:
        explain(found)
    context = {
        "item": found, "html": as_html(found), "classes": classes_of(found.model), "events": history(found),
        "hidden": open_blind, "key": uuid.uuid4().hex,
        "gold": Gold.objects.filter(item=found, ended_at=None).first(),
    }  # fmt: skip
    return render(request, "review/item.html", context)


@needs(Ability.REVIEW)
@require_POST
def give(request: HttpRequest, number: int) -> HttpResponse:
    """Answer an item from its own page."""
    asked = request.POST
    given = Answer(number, asked.get("key", ""), asked.get("label", ""), note=asked.get("note", ""))
    try:
        answer(given, by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, shown(error))
    else:
        messages.success(request, _("Saved."))
    return redirect("review_item", number=number)


@needs(Ability.REVIEW)
@require_POST
def ask_again(request: HttpRequest, number: int) -> HttpResponse:
    """Appeal against the label of an item."""
    try:
        appeal(number, request.POST.get("key", "")[:64], request.POST.get("note", ""), by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, shown(error))
    else:
        messages.success(request, _("Another person will decide."))
    return redirect("review_item", number=number)


@needs(Ability.REVIEW)
@require_GET
def media(request: HttpRequest, number: int) -> HttpResponse:
    """Show the picture of an item."""
    path = file_of(get_object_or_404(Item, pk=number))
    kind = content_type(path) if path else ""
    if path is None or not kind.startswith("image/"):
        raise Http404
    response = FileResponse(path.open("rb"), content_type=kind)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
