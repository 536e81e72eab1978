"""The queue page, and what it asks for while somebody works: next items, answers, undo."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.planning import ORDERS
from limbeck.studio.review.services.answers.answer import Answer, answer, undo
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.review.services.display.explain import explain
from limbeck.studio.review.services.display.shown import as_html, as_json
from limbeck.studio.review.services.queue.claims import release
from limbeck.studio.review.services.queue.next import MOST, next_items
from limbeck.studio.review.services.queue.policies import policy_of, reviewed_models
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown

KEYS = 9  # classes with a digit key
MEDIA = [
    ("show", gettext_lazy("shown")),
    ("blur", gettext_lazy("blurred")),
    ("grey", gettext_lazy("grey")),
    ("hide", gettext_lazy("hidden")),
]


Number = Annotated[int, Field(ge=0, lt=2**63)]  # of an item, as a database holds it


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Next(_Sent):
    """A request for items."""

    model: str = Field(max_length=100)
    count: int = Field(ge=1, le=MOST)
    order: str = Field("", max_length=12)
    have: list[Number] = Field([], max_length=100)


class Given(_Sent):
    """An answer."""

    item: Number
    key: str = Field(min_length=8, max_length=64)
    label: str = Field("", max_length=200)
    skipped: bool = False
    note: str = Field("", max_length=2000)
    seconds: float | None = None


class Undone(_Sent):
    """An answer that is taken back."""

    key: str = Field(min_length=8, max_length=64)


class Released(_Sent):
    """Items that are not needed any more."""

    items: list[Number] = Field(max_length=100)


def sent(model: type[_Sent]) -> Callable[[Callable[..., HttpResponse]], Callable[[HttpRequest], HttpResponse]]:
    """Read the body of a request as JSON of a form; answer refusals with one line in the person's language."""

    def decorated(view: Callable[..., HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest) -> HttpResponse:
            try:
                body = model.model_validate_json(request.body)
            except (ValidationError, RecursionError):
                return JsonResponse({"detail": _("The page sent what cannot be read. Load it again.")}, status=400)
            try:
                return view(request, body)
            except LimbeckError as error:
                return JsonResponse({"detail": shown(error)}, status=409)

        return checked

    return decorated


@needs(Ability.REVIEW)
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Show the queue of a model; the page asks for its items itself."""
    models = reviewed_models()
    asked = request.GET.get("model", "")
    if not models:
        return render(request, "review/empty.html")
    model = asked if asked in models else models[0]
    order = request.GET.get("order", "")
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Review.objects.filter(person=request.user, at__gte=today, undone_at=None, skipped=False)
    classes = classes_of(model)
    words = _words()
    context = {
        "models": models, "model": model, "orders": ORDERS, "keyed": classes[:KEYS], "more": classes[KEYS:],
        "order": order if order in dict(ORDERS) else policy_of(model).order, "today": mine.count(), "words": words,
        "classes_json": json.dumps(classes, ensure_ascii=False), "words_json": json.dumps(words, ensure_ascii=False),
        "media": MEDIA,
    }  # fmt: skip
    return render(request, "review/queue.html", context)


@needs(Ability.REVIEW)
@require_POST
@sent(Next)
def upcoming(request: HttpRequest, asked: Next) -> HttpResponse:
    """Claim the next items and return them."""
    order = asked.order if asked.order in dict(ORDERS) else ""
    found = next_items(request.user, asked.model, asked.count, order=order, have=asked.have)
    classes = classes_of(asked.model)
    return JsonResponse({"items": [as_json(item, classes) for item in found], "classes": classes})


@needs(Ability.REVIEW)
@require_POST
@sent(Given)
def save(request: HttpRequest, given: Given) -> HttpResponse:
    """Store an answer."""
    kept = answer(Answer(**given.model_dump()), by=request.user, request=request)
    return JsonResponse({"saved": kept.review.key, "late": kept.late})


@needs(Ability.REVIEW)
@require_POST
@sent(Undone)
def take_back(request: HttpRequest, given: Undone) -> HttpResponse:
    """Undo an answer."""
    item = undo(given.key, by=request.user, request=request)
    return JsonResponse({"undone": given.key, "item": item.pk})


@needs(Ability.REVIEW)
@require_POST
@sent(Released)
def give_back(request: HttpRequest, given: Released) -> HttpResponse:
    """Give back items that the page held in advance."""
    return JsonResponse({"released": release(request.user, given.items)})


@needs(Ability.REVIEW)
@require_GET
def marks(request: HttpRequest, number: int) -> HttpResponse:
    """Return an item with what drove the answer; as it is where two people answer blind."""
    item = get_object_or_404(Item, pk=number)
    if item.wanted == 1:
        explain(item)
    return HttpResponse(as_html(item))


def _words() -> dict[str, str]:
    """Return what the page's script says."""
    return {
        "saved": _("Everything is saved"),
        "unsaved": _("%(count)d not saved yet"),
        "trying": _("The server does not answer. Your answers are kept in this browser and sent again."),
        "signin": _("You are signed out. Sign in in another tab; your answers are kept in this browser."),
        "late": _("Somebody else had this item meanwhile. Your answer is kept as a second opinion."),
        "nothing": _("There is nothing to undo."),
        "blind": _("Two people answer this item without seeing the model or each other."),
        "given": _("given label"),
    }
