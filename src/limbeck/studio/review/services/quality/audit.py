"""How often a model is right: from the audit sample, and from what was held back from bulk acceptance."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q

from limbeck.metrics.exact_tests import wilson
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.items import ADJUDICATED, AUDIT, REVIEWED

DONE = (REVIEWED, ADJUDICATED)


@dataclass(frozen=True)
class Estimate:
    """The accuracy of a model on all rows, estimated from the reviewed part of the audit sample."""

    accuracy: float | None
    low: float
    high: float
    rows: int


def audited(model: str) -> Estimate:
    """Return the accuracy of a model, each row weighted by 1 / its probability of inclusion (Hajek 1971).

    The interval is that of Wilson for the effective number of rows (Kish 1965), which is the number of rows where all
    had the same probability.
    """
    done = Item.objects.filter(model=model, audit=True, state__in=DONE, inclusion__gt=0).exclude(final_label="")
    right = Count("pk", filter=Q(final_label=F("label")))
    rows = list(done.values_list("inclusion").annotate(n=Count("pk"), right=right))
    n = sum(count for _p, count, _right in rows)
    if not n:
        return Estimate(None, 0.0, 1.0, 0)
    total = sum(count / p for p, count, _right in rows)
    accuracy = sum(hits / p for p, _count, hits in rows) / total
    effective = total**2 / sum(count / p**2 for p, count, _right in rows)
    low, high = wilson_of(accuracy, effective)
    return Estimate(accuracy, low, high, n)


def bulk_audited(model: str) -> Estimate:
    """Return how often people agree with what was accepted in bulk, from the items that were held back for them."""
    held = Review.objects.filter(
        item__model=model, bulk=True, undone_at=None, item__lane=AUDIT, item__state__in=DONE
    ).exclude(item__final_label="")  # fmt: skip
    n = held.count()
    right = held.filter(item__final_label=F("label")).count()
    low, high = wilson(right, n)
    return Estimate(right / n if n else None, low, high, n)


def wilson_of(share: float, n: float) -> tuple[float, float]:
    """Return the Wilson interval of a share of n rows, where n need not be whole."""
    whole = max(1, round(n))
    return wilson(round(share * whole), whole)
