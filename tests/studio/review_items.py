"""Items for tests of review."""

from __future__ import annotations

import random
import uuid

from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Item, Policy, Review
from limbeck.studio.review.services.adding.add import add_items
from limbeck.studio.review.services.answers.answer import Answer, Kept, answer

MODEL = "comments"
CLASSES = ("bad", "good")


def item(number: int, p: float = 0.9, **values: object) -> Item:
    """Return a text that is not stored; ``p`` is that of "good"."""
    given = {
        "key": f"import:1:{number}", "source": "import", "kind": "text", "content": f"评论 {number}", "model": MODEL,
        "version": "v1", "label": CLASSES[p >= 0.5], "probability": max(p, 1 - p), "margin": abs(p - 0.5),
        "probabilities": {"bad": 1 - p, "good": p},
    }  # fmt: skip
    return Item(**{**given, **values})


def stored(count: int = 10, *, audit: float = 0.0, double: float = 0.0, gold: int = 0, seed: int = 0) -> list[Item]:
    """Store items whose margins rise with their numbers."""
    Policy.objects.update_or_create(
        model=MODEL, defaults={"audit_share": audit, "double_share": double, "gold_every": gold}
    )
    add_items([item(at, 0.5 + 0.49 * at / count) for at in range(count)], by=None, rng=random.Random(seed))
    return list(Item.objects.filter(model=MODEL).order_by("pk"))


def answered(one: Item, by: User, label: str = "good", **values: object) -> Kept:
    """Answer an item."""
    return answer(Answer(one.pk, uuid.uuid4().hex, "" if values.get("skipped") else label, **values), by=by)


def last_review(one: Item) -> Review:
    """Return the last answer to an item."""
    found = one.reviews.order_by("-pk").first()
    assert found is not None
    return found
