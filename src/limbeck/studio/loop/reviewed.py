"""Reviewed rows as training rows and as test rows. A row is one or the other, for good.

Rows of the audit sample are drawn at random and never learned from, so that every later version can be tested on them.
"""

from __future__ import annotations

from django.db.models import QuerySet

from limbeck.studio.review.models import Item
from limbeck.studio.review.models.items import ADJUDICATED, REVIEWED

DONE = (REVIEWED, ADJUDICATED)


def learned_from(name: str) -> QuerySet:
    """Return reviewed items of a model that may be learned from, the oldest first."""
    return Item.objects.filter(model=name, state__in=DONE, audit=False).exclude(final_label="").order_by("pk")


def audit_sample(name: str) -> QuerySet:
    """Return reviewed items of a model's audit sample, the oldest first."""
    return Item.objects.filter(model=name, state__in=DONE, audit=True).exclude(final_label="").order_by("pk")


def unlabelled(name: str) -> QuerySet:
    """Return items of a model that nobody has reviewed and that are not in the audit sample, the newest first."""
    return Item.objects.filter(model=name, audit=False).exclude(state__in=DONE).order_by("-pk")
