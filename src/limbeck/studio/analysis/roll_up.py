"""Count answers by day, each once, behind the last one that was counted.

Answers are counted when they are some seconds old, in the order of their numbers (`settled_until`). What is younger is
counted by the pages themselves (`uncounted`): it is little, wherever a worker runs.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Case, Count, F, QuerySet, Value, When
from django.db.models.functions import Floor, TruncHour
from django.utils import timezone

from limbeck.studio.analysis.models import BATCH, SINGLE, Counted, Daily
from limbeck.studio.detection.models import Prediction
from limbeck.studio.detection.settled import settled_until

BINS = 20
CHUNK = 50_000  # answers of one transaction
ONLY = 1  # key of the one row of Counted


class Key(NamedTuple):
    """What answers are told apart by."""

    day: datetime.date
    model: str
    version: str
    source: str
    label: str
    bin: int


def roll_up() -> int:
    """Add answers that are not counted yet to `Daily`, and return how many; a chore of the workers."""
    total = 0
    while counted := _count_chunk():
        total += counted
    return total


def uncounted(since: datetime.datetime) -> Counter[Key]:
    """Return counts of the answers that `Daily` does not hold yet, of those from ``since`` on."""
    last = Counted.objects.values_list("last", flat=True).first() or 0
    return _counts(Prediction.objects.filter(pk__gt=last, created_at__gte=since))


def _count_chunk() -> int:
    """Count up to `CHUNK` answers in one transaction."""
    last = Counted.objects.values_list("last", flat=True).first() or 0
    end = settled_until(last, CHUNK)
    if end == last:
        return 0
    with transaction.atomic():
        Counted.objects.get_or_create(pk=ONLY)
        head = Counted.objects.select_for_update().get(pk=ONLY)
        if head.last != last:  # another worker has counted them
            return 0
        found = _counts(Prediction.objects.filter(pk__gt=last, pk__lte=end))
        if not found:
            return 0
        _add(found)
        Counted.objects.filter(pk=ONLY).update(last=end)
    return found.total()


def _counts(answers: QuerySet) -> Counter[Key]:
    source = Case(When(job=None, then=Value(SINGLE)), default=Value(BATCH))
    # By the hour and in UTC: what a database knows of time zones differs, and MySQL may know none.
    hour = TruncHour("created_at", tzinfo=datetime.UTC)
    groups = answers.order_by().annotate(
        hour=hour, source=source, part=Floor(F("probability") * BINS)
    ).values_list("hour", "model", "version", "source", "label", "part")  # fmt: skip
    found: Counter[Key] = Counter()
    for at, model, version, given, label, part, count in groups.annotate(count=Count("pk")):
        day = timezone.localtime(at).date()
        found[Key(day, model, version, given, label, min(max(int(part), 0), BINS - 1))] += count
    return found


def _add(found: Counter[Key]) -> None:
    days = {key.day for key in found}
    known: dict[Key, Any] = {_key(row): row for row in Daily.objects.filter(day__in=days)}
    for key in found.keys() & known.keys():
        known[key].count += found[key]
    Daily.objects.bulk_update([known[key] for key in found if key in known], ["count"], batch_size=200)
    new: Iterable[Key] = (key for key in found if key not in known)
    Daily.objects.bulk_create([Daily(**key._asdict(), count=found[key]) for key in new], batch_size=200)


def _key(row: Daily) -> Key:
    return Key(row.day, row.model, row.version, row.source, row.label, row.bin)
