"""Answers of people to items: accept, relabel, skip, undo. Each is idempotent, so that a page can send it again.

Work is never lost. An answer that comes after the claim has ended is kept: it counts as a first answer where nobody
else has answered, and as a second opinion where somebody has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import FIRST
from limbeck.studio.review.models.items import ADJUDICATED, CLAIMED
from limbeck.studio.review.services.answers.classes import UnknownClassError, check_class
from limbeck.studio.review.services.answers.settle import settle
from limbeck.studio.review.services.quality.seen import unseen_by

LONGEST_NOTE = 2000
LONGEST_LOOK = 3600.0  # seconds; who looks longer was away


@dataclass(frozen=True)
class Answer:
    """What a person decided on an item; ``key`` is made by the page and names this answer for good."""

    item: int
    key: str
    label: str = ""
    skipped: bool = False
    note: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Kept:
    """An answer that is stored; ``late`` where somebody else had the item or had answered it meanwhile."""

    review: Review
    item: Item
    late: bool = False


def answer(given: Answer, *, by: User, request: HttpRequest | None = None) -> Kept:
    """Store an answer and settle its item. The same answer again changes nothing.

    Raises
    ------
    LimbeckError
        When the item is gone, its class does not exist (any more), or nothing was decided.
    """
    check_answer(given)
    with transaction.atomic():
        item = Item.objects.select_for_update().filter(pk=given.item).first()
        if item is None:
            raise LimbeckError(_("This item was deleted meanwhile."))
        known = Review.objects.filter(key=given.key).first()
        if known is not None:
            if known.person_id != by.pk or known.item_id != item.pk:
                raise LimbeckError(_("This answer belongs to somebody else."))
            return Kept(known, item)
        if not given.skipped:
            check_item_class(item, given.label)
        mine = item.state == CLAIMED and item.claimed_by_id == by.pk
        gold = not mine and unseen_by(by).filter(item=item).exists()
        late = not gold and not mine and _taken(item, by)
        now = timezone.now()
        if not gold:
            item.reviews.filter(person=by, step=FIRST, undone_at=None).update(undone_at=now)
        review = Review.objects.create(
            item=item, key=given.key, person=by, label="" if given.skipped else given.label, skipped=given.skipped,
            note=given.note[:LONGEST_NOTE], seconds=seconds_of(given), blind=item.wanted > 1, gold=gold, at=now,
        )  # fmt: skip
        if not gold:
            settle(item, at=now, by=by)
        record(
            "review.answer", actor=by.pk, target=f"item:{item.pk}", request=request, label=review.label,
            skipped=review.skipped, late=late,
        )  # fmt: skip
    return Kept(review, item, late)


def undo(key: str, *, by: User, request: HttpRequest | None = None) -> Item:
    """Undo a person's own answer; the item is theirs again where nobody else has it.

    Raises
    ------
    LimbeckError
        When there is no such answer, or the item is adjudicated.
    """
    with transaction.atomic():
        review = Review.objects.select_related("item").filter(key=key, person=by).first()
        if review is None:
            raise LimbeckError(_("There is no answer of yours to undo."))
        item = Item.objects.select_for_update().get(pk=review.item_id)
        if review.undone_at is not None:
            return item
        if item.state == ADJUDICATED and not review.gold:
            raise LimbeckError(_("The item is adjudicated; an appeal can change it."))
        review.undone_at = timezone.now()
        review.save(update_fields=["undone_at"])
        if not review.gold:
            settle(item, at=review.undone_at, by=by, back=True)
        record("review.undo", actor=by.pk, target=f"item:{item.pk}", request=request)
    return item


def _taken(item: Item, by: User) -> bool:
    """Return whether somebody else has an item now, or has answered it."""
    others = item.reviews.filter(step=FIRST, undone_at=None, skipped=False).exclude(person=by)
    return item.state == CLAIMED or (item.done and others.exists())


def check_answer(given: Answer) -> None:
    """Check that an answer has a key and decides something.

    Raises
    ------
    LimbeckError
        Otherwise.
    """
    if not given.key or len(given.key) > 64:
        raise LimbeckError(_("The answer has no valid key."))
    if not given.skipped and not given.label:
        raise LimbeckError(_("Choose a class, or skip the item."))


def check_item_class(item: Item, label: str) -> None:
    """Check that an item can be given a class.

    Raises
    ------
    LimbeckError
        For a class that the item's model does not have (any more), in the person's language.
    """
    try:
        check_class(item.model, label)
    except UnknownClassError as error:
        told = _("The class “%(label)s” does not exist any more. Load the page again and choose another one.")
        raise LimbeckError(told % {"label": error.label}) from error


def seconds_of(given: Answer) -> float | None:
    """Return how long the item was in view, 0 to `LONGEST_LOOK`; None where it is not known or is no number."""
    seconds = given.seconds
    return None if seconds is None or math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_LOOK)
