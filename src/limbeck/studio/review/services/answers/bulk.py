"""Bulk acceptance: take the model's answer for all waiting items above a probability, but for a sample that people see.

The sample is drawn at random among the items that are accepted. It goes to the audit lane, so that how often people
would have answered differently is known, with an interval: `quality.audit.bulk_audited`.
"""

from __future__ import annotations

import random
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from limbeck.events import check, told
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.jobs import services as jobs
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.items import AUDIT, POOL, PREDICTED, REVIEWED
from limbeck.studio.review.services.adding.add import CHUNK

KIND = "review_bulk"


def start(
    model: str, label: str, threshold: float, share: float, *, by: User, request: HttpRequest | None = None
) -> Job:  # fmt: skip
    """Start a job that accepts the answers ``label`` (all where it is empty) with ``threshold`` or more.

    ``share`` of them is held back for people.
    """
    parameters = {"model": model, "label": label, "threshold": threshold, "share": share}
    return jobs.create(KIND, f"{model} {label} ≥ {threshold:g}".strip(), parameters, by=by, request=request)


def acceptable(model: str, label: str, threshold: float) -> QuerySet:
    """Return the items that would be accepted: waiting in the pool, with one answer wanted."""
    found = Item.objects.filter(model=model, state=PREDICTED, lane=POOL, wanted=1, probability__gte=threshold)
    return found.filter(label=label) if label else found.exclude(label="")


def run(job: Job, context: Context) -> dict[str, Any]:
    """Accept the items in chunks; one that is accepted or held back is no longer among them, so a rerun goes on."""
    asked = job.parameters
    found = acceptable(asked["model"], asked["label"], asked["threshold"])
    total = found.count() + _earlier(job).count()
    with told(None, context.token):
        while True:
            check()
            context.tell("accept", _earlier(job).count(), total)
            if not _accept(job, found):
                break
    held = _earlier(job).filter(item__lane=AUDIT).count()
    return {"rows": _earlier(job).count() - held, "held": held, "model": asked["model"]}


def _earlier(job: Job) -> QuerySet:
    return Review.objects.filter(key__startswith=f"bulk:{job.pk}:")


def _accept(job: Job, found: QuerySet) -> int:
    """Accept or hold back one chunk and return how many rows it had."""
    now = timezone.now()
    with transaction.atomic():
        rows = list(found.only("pk", "label").select_for_update().order_by("pk")[:CHUNK])
        if not rows:
            return 0
        # A number of its own for each item and job: a rerun after a kill draws the same ones.
        held = {row.pk for row in rows if random.Random(f"{job.pk}:{row.pk}").random() < job.parameters["share"]}
        Review.objects.bulk_create(
            Review(
                item=row, key=f"bulk:{job.pk}:{row.pk}", person_id=job.created_by_id, label=row.label, bulk=True, at=now
            )
            for row in rows
        )
        for label in {row.label for row in rows}:
            numbers = [row.pk for row in rows if row.label == label and row.pk not in held]
            Item.objects.filter(pk__in=numbers).update(
                state=REVIEWED, final_label=label, final_by=job.created_by_id, reviewed_at=now, answers=1
            )
        Item.objects.filter(pk__in=held).update(lane=AUDIT)
        counted = {"accepted": len(rows) - len(held), "held": len(held)}
        record("review.bulk", actor=job.created_by_id, target=f"job:{job.pk}", **counted)
    return len(rows)
