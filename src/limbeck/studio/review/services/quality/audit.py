"""How often a model is right: from the audit sample, and from what was held back from bulk acceptance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import Count, F, Q

from limbeck.metrics.exact_tests import wilson
from limbeck.monitoring.audit import audited_share
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
    """Return the accuracy of a model, each row weighted by 1 / its probability of review (Hajek 1971).

    That is the probability of inclusion, times how much of the sample drawn with it is reviewed. All of the sample is
    served in one random order, so a group drawn with a larger probability is reviewed more slowly. The interval is for
    rows to come (`limbeck.monitoring.audit.audited_share`).
    """
    sample = Item.objects.filter(model=model, audit=True, inclusion__gt=0)
    done = sample.filter(state__in=DONE).exclude(final_label="")
    right = Count("pk", filter=Q(final_label=F("label")))
    groups = list(done.values_list("inclusion").annotate(n=Count("pk"), right=right))
    if not groups:
        return Estimate(None, 0.0, 1.0, 0)
    # Of one group the weights are equal whatever they are: no need to count the rows that wait.
    drawn = dict(sample.values_list("inclusion").annotate(n=Count("pk"))) if len(groups) > 1 else {}
    chances = [p * n / drawn.get(p, n) for p, n, _right in groups]
    hits = np.concatenate([np.arange(n) < right for _p, n, right in groups])
    found = audited_share(hits, np.repeat(chances, [n for _p, n, _right in groups]), to_come=True)
    return Estimate(found.value, found.low, found.high, found.rows)


def bulk_audited(model: str) -> Estimate:
    """Return how often people agree with what was accepted in bulk, from the items that were held back for them."""
    held = Review.objects.filter(
        item__model=model, bulk=True, undone_at=None, item__lane=AUDIT, item__state__in=DONE
    ).exclude(item__final_label="")  # fmt: skip
    n = held.count()
    right = held.filter(item__final_label=F("label")).count()
    low, high = wilson(right, n)
    return Estimate(right / n if n else None, low, high, n)
