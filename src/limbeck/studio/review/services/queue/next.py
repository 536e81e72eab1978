"""The queue: which items a person gets next.

Items lie in lanes. One in five comes from the random audit, whatever the others are chosen by: only these measure the
model without bias. Of the rest, a person's own assignments come first, then items that wait for a second person, then
the pool in the order that the policy or the person chose; in the order "learning" what was chosen ahead (`learning`)
comes before what is least certain. Gold rows are mixed in at random places.
"""

from __future__ import annotations

import datetime
import math
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Assignment, Item, Policy, Review
from limbeck.studio.review.models.items import (
    ANOTHER,
    ASSIGNED,
    AUDIT,
    DISAGREEMENT,
    ERROR,
    MARGIN,
    POOL,
    PREDICTED,
    RANDOM,
)
from limbeck.studio.review.models.planning import LEARNING
from limbeck.studio.review.services.quality.seen import measuring
from limbeck.studio.review.services.queue.claims import claim, held, release_expired
from limbeck.studio.review.services.queue.learning import planned, why_planned
from limbeck.studio.review.services.queue.policies import policy_of

MOST = 20  # items that a person gets at once
ORDERS = {MARGIN: ("margin", "pk"), DISAGREEMENT: ("-disagreement", "pk"), ERROR: ("-suspicion", "pk")}


@dataclass(frozen=True)
class Lane:
    """Waiting items in an order, and the rule that draws them."""

    items: QuerySet
    rule: str


def next_items(
    person: User, model: str, count: int = 1, *, order: str = "", have: Collection[int] = (),
    rng: random.Random | None = None,
) -> list[Item]:  # fmt: skip
    """Return the next items of a person and claim them.

    Parameters
    ----------
    count
        How many, at most `MOST`.
    order
        ``learning``, ``margin``, ``disagreement`` or ``error``; that of the policy where it is empty.
    have
        Items that the person's page holds already.
    rng
        Decides over audit and gold rows.
    """
    chance, policy = rng or random.Random(), policy_of(model)
    count = min(count, MOST)
    until = timezone.now() + datetime.timedelta(minutes=policy.claim_minutes)
    release_expired()
    found = held(person, model, count, until=until, have=have)
    golden = _gold(person, model, _some(chance, count - len(found), _every(policy)), {*have, *(i.pk for i in found)})
    missing = count - len(found) - len(golden)
    audited = claim(_lane(AUDIT, model, "draw", "pk"), _some(chance, missing, policy.audit_share), by=person,
                    until=until, rule=RANDOM)  # fmt: skip
    drawn = audited
    for lane in _lanes(person, model, order or policy.order):
        drawn = drawn + claim(lane.items, missing - len(drawn), by=person, until=until, rule=lane.rule)
    chance.shuffle(drawn)
    for item in golden:
        drawn.insert(chance.randint(0, len(drawn)), item)
    return found + drawn


def _lanes(person: User, model: str, order: str) -> Iterator[Lane]:
    """Yield the lanes of a person in the order in which they are served; the random audit again as the last one."""
    # Their numbers first: a join begins with the items on some databases, and goes through all that wait.
    mine = list(Assignment.objects.filter(person=person, model=model, ended_at=None).values_list("pk", flat=True))
    if mine:
        assigned = Item.objects.filter(assignment__in=mine, state=PREDICTED, lane=ASSIGNED)
        yield Lane(assigned.order_by("margin", "pk"), MARGIN)
    answered = Review.objects.filter(item=OuterRef("pk"), person=person, undone_at=None)
    yield Lane(_lane(ANOTHER, model, "margin", "pk").exclude(Exists(answered)), MARGIN)
    if order == LEARNING and (why := why_planned(model)):
        yield Lane(planned(model), why)
    order = MARGIN if order == LEARNING else order
    yield Lane(_lane(POOL, model, *ORDERS[order]), order)
    yield Lane(_lane(AUDIT, model, "draw", "pk"), RANDOM)


def _lane(lane: str, model: str, *order: str) -> QuerySet:
    return Item.objects.filter(model=model, state=PREDICTED, lane=lane).order_by(*order)


def _every(policy: Policy) -> float:
    return 1 / policy.gold_every if policy.gold_every else 0.0


def _some(chance: random.Random, count: int, share: float) -> int:
    """Return how many of ``count`` a share is; exact on average, so that one of one in five has a chance of 0.2."""
    exact = max(count, 0) * share
    return math.floor(exact) + (chance.random() < exact - math.floor(exact))


def _gold(person: User, model: str, count: int, have: Collection[int]) -> list[Item]:
    """Return gold rows that a person has not answered yet, and whose label they have not been shown."""
    if count < 1:
        return []
    free = measuring(person).filter(model=model).exclude(item__in=list(have))
    return [gold.item for gold in free.select_related("item").order_by("?")[:count]]
