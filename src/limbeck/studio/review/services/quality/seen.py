"""Which gold rows can still measure a person: those whose label they have not been shown.

The page of an item shows its label. Whoever has opened it there is not measured by that row: it is not mixed into their
queue, and what they answer to it is one more answer and no measurement. Lists leave such rows out for all but
administrators, so that looking through the data does not use them up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, QuerySet

from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Gold, Item, LabelSeen, Review
from limbeck.studio.roles import Ability


def unseen_by(person: User) -> QuerySet:
    """Return the gold rows in use whose label a person has not been shown."""
    seen = LabelSeen.objects.filter(gold=OuterRef("pk"), person=person)
    return Gold.objects.filter(~Exists(seen), ended_at=None)


def measuring(person: User) -> QuerySet:
    """Return the gold rows in use whose label a person has neither been shown nor told."""
    return unseen_by(person).exclude(Exists(Review.objects.filter(item=OuterRef("item"), person=person)))


def note_seen(person: User, numbers: Collection[int]) -> None:
    """Note that a person is shown the labels of items; only those of gold rows are kept."""
    found = list(unseen_by(person).filter(item__in=list(numbers)))
    if found:  # a look writes nothing
        LabelSeen.objects.bulk_create((LabelSeen(gold=one, person=person) for one in found), ignore_conflicts=True)


def listable(person: User, items: Iterable[Item]) -> list[Item]:
    """Return the items of a list that a person may see there: without the gold rows that can still measure them."""
    rows = list(items)
    if not rows or person.may(Ability.ADMINISTER):
        return rows
    hidden = set(measuring(person).filter(item__in=[one.pk for one in rows]).values_list("item", flat=True))
    return [one for one in rows if one.pk not in hidden]
