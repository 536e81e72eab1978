"""Automatic promotion: a switch for each model, off by default.

Where it is on, workers look at the newest version that was trained on this site and never published. They publish it by
the same steps as a person (`limbeck.studio.loop.promote`), if

- it was trained as the successor of the published version, or with it as its teacher (`Lineage.parent`);
- the verdict on the audit sample is "better": at most 5 % of candidates that are no better ever get it, however often
  one looks (`limbeck.monitoring.verdict`);
- that verdict rests on at least `ROWS` audited rows that neither version has learned from;
- of no class with `CLASS_ROWS` audited rows or more, the recall falls by more than `LOSS`.

A version that a person has published or rolled back is never published again by itself.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.monitoring.verdict import BETTER
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.loop.comparing import Compared, compare
from limbeck.studio.loop.models import CANDIDATE, SHADOW, Automatic, Lineage
from limbeck.studio.loop.promote import promote, state_of
from limbeck.studio.registry.facts import Version, version_of

ROWS, CLASS_ROWS, LOSS = 200, 30, 0.05
PAUSE = datetime.timedelta(minutes=5)  # between two looks at a model


def is_on(model: str) -> bool:
    """Return whether better versions of a model are published by themselves."""
    return Automatic.objects.filter(model=model, on=True).exists()


def switch(model: str, on: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Switch automatic promotion of a model on or off."""
    with transaction.atomic():
        values = {"on": on, "changed_by": by, "changed_at": timezone.now(), "looked_until": None}
        Automatic.objects.update_or_create(model=model, defaults=values)
        record("model.automatic", actor=by.pk, target=f"model:{model}", request=request, on=on)


def look() -> None:
    """Publish what the rules allow; a chore of the workers."""
    now = timezone.now()
    due = Automatic.objects.filter(Q(looked_until=None) | Q(looked_until__lt=now), on=True)
    for model in list(due.values_list("model", flat=True)):
        if due.filter(model=model).update(looked_until=now + PAUSE):
            publish_where_better(model)


def publish_where_better(model: str) -> Version | None:
    """Publish the newest candidate of a model if all rules hold; return what was published."""
    try:
        current = version_of(model)
        candidate = _candidate(current)
        if candidate is None:
            return None
        found = compare(current, candidate)
    except LimbeckError:  # a bundle that is gone or of other classes is nothing to publish
        return None
    if not allowed(found) or not is_on(model):
        return None
    promote(candidate, current.version, found, read=found.verdict.state, by=None)
    return candidate


def allowed(found: Compared) -> bool:
    """Return whether a comparison is good enough to publish the candidate without a person."""
    lost = [
        one.current - one.candidate
        for one in found.classes
        if one.rows >= CLASS_ROWS and one.current is not None and one.candidate is not None
    ]
    return found.verdict.state == BETTER and found.verdict.rows >= ROWS and max(lost, default=0.0) <= LOSS


def _candidate(current: Version) -> Version | None:
    """Return the newest version that was trained after the published one and was never in use."""
    for lineage in Lineage.objects.filter(model=current.name, parent=current.version).order_by("-pk"):
        version = version_of(current.name, lineage.version)
        if state_of(version) in (CANDIDATE, SHADOW):
            return version
    return None
