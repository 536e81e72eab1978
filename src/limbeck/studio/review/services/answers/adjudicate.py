"""Adjudication: a third person decides where answers differ; an appeal asks for it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import ADJUDICATION, APPEAL, FIRST
from limbeck.studio.review.services.answers.answer import (
    LONGEST_NOTE,
    Answer,
    check_answer,
    check_item_class,
    seconds_of,
)
from limbeck.studio.review.services.answers.settle import settle
from limbeck.studio.roles import Ability


def disputed(person: User, model: str = "") -> QuerySet:
    """Return the disputed items that a person may decide, the oldest first.

    Who answered an item does not decide it; administrators may, so that a team of two is not stuck.
    """
    found = Item.objects.filter(disputed__in=[True])
    if model:
        found = found.filter(model=model)
    if not person.may(Ability.ADMINISTER):
        found = found.exclude(Exists(_answers(person, OuterRef("pk"))))
    return found.order_by("pk")


def adjudicate(given: Answer, *, by: User, request: HttpRequest | None = None) -> Item:
    """Decide a disputed item. The same decision again changes nothing.

    Raises
    ------
    LimbeckError
        When the item is gone, not disputed, answered by the same person, or the class does not exist.
    """
    check_answer(given)
    with transaction.atomic():
        item = _locked(given.item)
        if Review.objects.filter(key=given.key, item=item, person=by).exists():
            return item
        check_item_class(item, given.label)
        if not item.disputed:
            raise LimbeckError(_("Somebody has decided this item meanwhile."))
        if not by.may(Ability.ADMINISTER) and _answers(by, item.pk).exists():
            raise LimbeckError(_("Another person has to decide: you answered this item."))
        _add(item, ADJUDICATION, given, by)
        record("review.adjudicate", actor=by.pk, target=f"item:{item.pk}", request=request, label=given.label)
    return item


def appeal(number: int, key: str, note: str, *, by: User, request: HttpRequest | None = None) -> Item:
    """Ask for another look at an item with a final label; why is said in the note.

    Raises
    ------
    LimbeckError
        When the item is gone, has no final label, or no reason is given.
    """
    if not note.strip():
        raise LimbeckError(_("Say why the label should be looked at again."))
    with transaction.atomic():
        item = _locked(number)
        if Review.objects.filter(key=key, item=item, person=by).exists():
            return item
        if not item.done:
            raise LimbeckError(_("This item has no final label yet."))
        _add(item, APPEAL, Answer(item.pk, key, note=note), by)
        record("review.appeal", actor=by.pk, target=f"item:{item.pk}", request=request)
    return item


def _locked(number: int) -> Item:
    item = Item.objects.select_for_update().filter(pk=number).first()
    if item is None:
        raise LimbeckError(_("This item was deleted meanwhile."))
    return item


def _answers(person: User, item: object) -> QuerySet:
    return Review.objects.filter(item=item, person=person, step=FIRST, undone_at=None, skipped=False)


def _add(item: Item, step: str, given: Answer, by: User) -> None:
    now = timezone.now()
    Review.objects.create(
        item=item, key=given.key, person=by, step=step, label=given.label, note=given.note[:LONGEST_NOTE], at=now,
        seconds=seconds_of(given),
    )  # fmt: skip
    settle(item, at=now, by=by)
