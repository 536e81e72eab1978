"""From the answers to an item to its state. The state is always computed anew from all answers that stand."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import ADJUDICATION, APPEAL, FIRST, PERSON
from limbeck.studio.review.models.items import (
    ADJUDICATED,
    ANOTHER,
    ASSIGNED,
    AUDIT,
    CLAIMED,
    POOL,
    PREDICTED,
    REVIEWED,
)
from limbeck.studio.review.services.queue.policies import policy_of

CHANGED = (
    "state", "lane", "answers", "disputed", "final_label", "final_by", "reviewed_at", "claimed_by", "claimed_until",
)  # fmt: skip


def counting(reviews: Sequence[Review]) -> list[Review]:
    """Return the first answers that count: of people, standing, and bulk acceptances only where nobody has looked."""
    first = [one for one in reviews if one.stands and one.step == FIRST and one.source == PERSON and not one.gold]
    return [one for one in first if not one.bulk] or first


def settle(item: Item, *, at: datetime.datetime, by: User | None = None, back: bool = False) -> None:
    """Compute the state of a locked item from its answers and store it.

    The last adjudication decides; an appeal after it, or after the answers, makes the item disputed. Without one, as
    many equal answers as are wanted decide, and different ones make it disputed, without a final label. With fewer it
    waits for another person. One that waits stays with whoever else holds it; ``by``, whose act this is, gets it
    ``back`` where nobody does. It is None for answers that are imported.
    """
    reviews = list(item.reviews.order_by("pk"))
    first = counting(reviews)
    decided = [one for one in reviews if one.stands and one.step == ADJUDICATION]
    appeals = [one for one in reviews if one.undone_at is None and one.step == APPEAL]
    item.answers = len(first)
    held = item.state == CLAIMED and item.claimed_by_id not in (None, by.pk if by else None)
    item.final_label, item.final_by_id, item.reviewed_at = "", None, None
    if decided:
        last = decided[-1]
        _finish(item, ADJUDICATED, last.label, last)
        item.disputed = bool(appeals) and appeals[-1].pk > last.pk
    elif first and len(first) >= item.wanted:
        agree = len({one.label for one in first}) == 1
        _finish(item, REVIEWED, first[-1].label if agree else "", first[-1])
        item.disputed = not agree or bool(appeals)
    else:
        skipped = any(one.skipped and one.undone_at is None for one in reviews)
        item.state, item.disputed = CLAIMED if held else PREDICTED, False
        item.lane = ANOTHER if first or skipped else _lane(item)
        if back and not held:
            minutes = policy_of(item.model).claim_minutes
            item.state, item.claimed_by = CLAIMED, by
            item.claimed_until = at + datetime.timedelta(minutes=minutes)
    if item.state != CLAIMED:
        item.claimed_by = item.claimed_until = None
    item.save(update_fields=CHANGED)


def _finish(item: Item, state: str, label: str, by: Review) -> None:
    item.state, item.final_label, item.final_by_id, item.reviewed_at = state, label, by.person_id, by.at


def _lane(item: Item) -> str:
    if item.audit:
        return AUDIT
    return ASSIGNED if item.assignment_id else POOL
