"""Suspected label errors: find them, and for each say that the label is right or ask for another look."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.review.models import Suspect
from limbeck.studio.review.services.display.shown import brief
from limbeck.studio.review.services.quality import label_errors
from limbeck.studio.review.services.quality.seen import note_seen
from limbeck.studio.review.views.plan import back, chosen
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown

PER_PAGE = 25


@needs(Ability.REVIEW)
@require_GET
def suspected(request: HttpRequest) -> HttpResponse:
    """List the suspected label errors of a model."""
    models, model = chosen(request)
    if not model:
        return render(request, "review/empty.html")
    page = Paginator(label_errors.listed(model), PER_PAGE).get_page(request.GET.get("page"))
    for one in page:
        one.brief = brief(one.item)
    note_seen(request.user, [one.item_id for one in page])
    return render(request, "review/label_errors.html", {"models": models, "model": model, "page": page})


@needs(Ability.ADMINISTER)
@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """Start the search."""
    _models, model = chosen(request)
    if not model:
        return redirect("review_label_errors")
    return redirect("job", number=label_errors.start(model, by=request.user, request=request).pk)


@needs(Ability.REVIEW)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Say that the label of a suspect is right, or ask for another look."""
    model = get_object_or_404(Suspect, pk=number).model
    try:
        act = label_errors.keep if "keep" in request.POST else label_errors.dispute
        act(number, by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, shown(error))
    else:
        messages.success(request, _("Saved."))
    return back("review_label_errors", model)
