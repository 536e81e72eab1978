"""Assignments: items of a model, chosen by a filter up to a quota, that one person alone gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.review.models import Assignment, Item
from limbeck.studio.review.models.items import ADJUDICATED, ASSIGNED, POOL, PREDICTED, REVIEWED
from limbeck.studio.roles import Ability

MOST = 5000  # items of one assignment


@dataclass(frozen=True)
class Progress:
    """An assignment, how many items it has, and how many of them are done."""

    assignment: Assignment
    items: int
    done: int


def assign(
    person: User, model: str, quota: int, *, label: str = "", job: int | None = None, note: str = "", by: User,
    request: HttpRequest | None = None,
) -> Assignment:  # fmt: skip
    """Reserve the least certain waiting items that pass the filter for a person.

    Raises
    ------
    LimbeckError
        When the person may not review, no item passes the filter, or the quota is too large.
    """
    if not person.may(Ability.REVIEW):
        raise LimbeckError(_("This person's role does not let them review."))
    if not 1 <= quota <= MOST:
        raise LimbeckError(_("An assignment has 1 to %(most)d items.") % {"most": MOST})
    asked: dict[str, Any] = {name: value for name, value in {"label": label, "job": job}.items() if value}
    with transaction.atomic():
        free = Item.objects.filter(model=model, state=PREDICTED, lane=POOL, **asked).order_by("margin", "pk")
        numbers = list(free.select_for_update().values_list("pk", flat=True)[:quota])
        if not numbers:
            raise LimbeckError(_("No waiting item passes this filter."))
        made = Assignment.objects.create(
            person=person, model=model, filter=asked, quota=quota, note=note[:200], created_by=by
        )  # fmt: skip
        for at in range(0, len(numbers), 500):
            Item.objects.filter(pk__in=numbers[at : at + 500]).update(lane=ASSIGNED, assignment=made)
        target = f"user:{person.pk}"
        record("review.assign", actor=by.pk, target=target, request=request, items=len(numbers), assignment=made.pk)
    return made


def end(assignment: Assignment, *, by: User, request: HttpRequest | None = None) -> int:
    """Give the items that are not done back to all; return how many."""
    with transaction.atomic():
        Assignment.objects.filter(pk=assignment.pk, ended_at=None).update(ended_at=timezone.now())
        left = Item.objects.filter(assignment=assignment).exclude(state__in=(REVIEWED, ADJUDICATED))
        given = left.filter(lane=ASSIGNED).update(lane=POOL, assignment=None)
        left.update(assignment=None)
        target = f"user:{assignment.person_id}"
        record("review.unassign", actor=by.pk, target=target, request=request, items=given, assignment=assignment.pk)
    return int(given)


def progress(model: str = "") -> list[Progress]:
    """Return the assignments that have not ended, the newest first."""
    found = Assignment.objects.filter(ended_at=None).select_related("person")
    if model:
        found = found.filter(model=model)
    done = Count("items", filter=Q(items__state__in=(REVIEWED, ADJUDICATED)))
    return [Progress(one, one.count, one.done) for one in found.annotate(count=Count("items"), done=done)[:200]]
