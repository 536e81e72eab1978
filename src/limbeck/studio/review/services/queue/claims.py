"""Claims: an item belongs to one person while they look at it, and goes back when the time is up.

A claim is one conditional UPDATE, which all three databases do whole, so that no item has two people. What is tried
first depends on the database. Where rows can be locked and locked ones skipped, everybody gets the best free rows. On
SQLite writers come one after the other anyway. Elsewhere everybody would turn to the same best rows, so that the best
ones are tried in a random order.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Collection

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Item
from limbeck.studio.review.models.items import CLAIMED, PREDICTED

BEST = 50  # rows that are tried in a random order
EXTENDED = datetime.timedelta(seconds=20)  # claims are made longer no more often than this


def claim(found: QuerySet, count: int, *, by: User, until: datetime.datetime, rule: str) -> list[Item]:
    """Give a person up to ``count`` of the waiting items of a query, in its order; ``rule`` is why they were drawn."""
    if count < 1 or not found.exists():  # a look at an empty lane costs no lock
        return []
    mine: list[int] = []
    with transaction.atomic():
        for number in _candidates(found.values_list("pk", flat=True), count):
            if len(mine) == count:
                break
            waiting = Item.objects.filter(pk=number, state=PREDICTED)
            if waiting.update(state=CLAIMED, claimed_by=by, claimed_until=until, rule=rule):
                mine.append(number)
        rows = Item.objects.in_bulk(mine)
    return [rows[number] for number in mine]


def _candidates(found: QuerySet, count: int) -> list[int]:
    if connection.features.has_select_for_update_skip_locked:
        return list(found.select_for_update(skip_locked=True)[:count])
    if connection.vendor == "sqlite":
        return list(found[:count])
    numbers = list(found[: max(BEST, 2 * count)])
    random.shuffle(numbers)
    return numbers


def held(
    person: User, model: str, count: int, *, until: datetime.datetime, have: Collection[int] = ()
) -> list[Item]:  # fmt: skip
    """Return up to ``count`` items of a model that a person holds and has not in ``have``; all are held longer."""
    mine = Item.objects.filter(claimed_by=person, state=CLAIMED, model=model)
    late = mine.filter(claimed_until__lt=until - EXTENDED)
    if late.exists():  # a look costs no lock
        late.update(claimed_until=until)
    return list(mine.exclude(pk__in=list(have)).order_by("pk")[:count])


def release_expired(now: datetime.datetime | None = None) -> int:
    """Give items back whose time is up; return how many."""
    over = Item.objects.filter(state=CLAIMED, claimed_until__lt=now or timezone.now())
    if not over.exists():  # a look costs no lock
        return 0
    return int(over.update(state=PREDICTED, claimed_by=None, claimed_until=None))


def release(person: User, numbers: Collection[int]) -> int:
    """Give back items that a person holds."""
    mine = Item.objects.filter(pk__in=list(numbers), claimed_by=person, state=CLAIMED)
    return int(mine.update(state=PREDICTED, claimed_by=None, claimed_until=None))
