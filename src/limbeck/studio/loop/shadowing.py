"""Shadow traffic: a version in shadow mode answers what the published version has answered, and the two are compared.

Workers ask it after people got their answers: nobody waits for it, and its answers are counted and not shown. How
often each pair of answers occurred is kept, with the newest answer of that pair, so that it can be looked at. Answers
are taken some seconds after they were given, in the order of their numbers, each once (`settled_until`).
"""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.metrics.exact_tests import wilson
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.models import Prediction
from limbeck.studio.detection.settled import settled_until
from limbeck.studio.detection.stored_rows import values_of
from limbeck.studio.loop.models import Lineage, Shadowed
from limbeck.studio.registry.facts import Version, version_of

ROWS, COSTLY = 500, 20  # answers of one turn; where each row is a file to decode
PASSED = 5000  # answers of all models that one turn goes past
TURN = datetime.timedelta(minutes=2)  # for which a worker has a version to itself


@dataclass(frozen=True)
class Disagreement:
    """How many rows were answered ``given`` by the published version and ``label`` by the one in shadow mode."""

    given: str
    label: str
    rows: int
    newest: int


@dataclass(frozen=True)
class Traffic:
    """What a version has answered in shadow mode; ``pairs`` are the answers that differ, the most frequent first."""

    rows: int
    pairs: list[Disagreement]

    @property
    def differing(self) -> int:
        """How many rows the two versions answered differently."""
        return sum(pair.rows for pair in self.pairs)

    @property
    def share(self) -> float | None:
        """The share of those rows."""
        return self.differing / self.rows if self.rows else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of that share."""
        return wilson(self.differing, self.rows)


def traffic(version: Version) -> Traffic:
    """Return what a version has answered since its shadow mode started."""
    found = Shadowed.objects.filter(lineage__model=version.name, lineage__version=version.version)
    counts = list(found.order_by("-rows", "given", "label").values_list("given", "label", "rows", "newest"))
    pairs = [Disagreement(*one) for one in counts if one[0] != one[1]]
    return Traffic(sum(one[2] for one in counts), pairs)


def begin(lineage: Lineage) -> None:
    """Let a version answer in shadow mode what comes in from now on; earlier counts are deleted."""
    lineage.shadowed.all().delete()
    newest = Prediction.objects.aggregate(newest=Max("pk"))["newest"] or 0
    Lineage.objects.filter(pk=lineage.pk).update(shadow_behind=newest, shadow_until=None)


def look() -> None:
    """Let the versions in shadow mode answer what has come in; a chore of the workers."""
    now = timezone.now()
    due = Lineage.objects.filter(Q(shadow_until=None) | Q(shadow_until__lt=now), shadow=True)
    for number in list(due.values_list("pk", flat=True)):
        if due.filter(pk=number).update(shadow_until=now + TURN):
            try:
                answer_beside(Lineage.objects.get(pk=number))
            finally:
                Lineage.objects.filter(pk=number).update(shadow_until=None)


def answer_beside(lineage: Lineage) -> int:
    """Let a version answer the next rows, and return how many; 0 where its bundle is gone, or finds boxes."""
    try:
        version = version_of(lineage.model, lineage.version)
    except LimbeckError:
        return 0
    end = settled_until(lineage.shadow_behind, PASSED)
    if version.published or version.finds_boxes or end == lineage.shadow_behind:
        return 0
    most = COSTLY if KINDS[version.kind].costly else ROWS
    mine = Prediction.objects.filter(model=lineage.model, pk__gt=lineage.shadow_behind, pk__lte=end).order_by("pk")
    rows = list(mine.values_list("pk", "label", "content", "file")[:most])
    if len(rows) == most:
        end = rows[-1][0]
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], int] = {}
    for (number, given, _content, _file), label in zip(rows, _answers(version, rows), strict=True):
        counts[given, label] += 1
        newest[given, label] = number
    with transaction.atomic():
        head = Lineage.objects.select_for_update().get(pk=lineage.pk)
        if not head.shadow or head.shadow_behind != lineage.shadow_behind:  # another worker, or a new beginning
            return 0
        for (given, label), count in counts.items():
            asked = {"lineage": head, "given": given, "label": label}
            Shadowed.objects.get_or_create(**asked)
            last = newest[given, label]
            Shadowed.objects.filter(**asked).update(rows=F("rows") + count, newest=last)
        Lineage.objects.filter(pk=head.pk).update(shadow_behind=end)
    return len(rows)


def _answers(version: Version, rows: list[tuple[int, str, str, str]]) -> list[str]:
    """Return the classes of rows; "" for a row that cannot be read."""
    if not rows:
        return []
    try:
        values = values_of(version, [(content, file) for _number, _given, content, file in rows])
        return [name or "" for name in classifier_of(version).predict(values, unreadable="nan")]
    except (LimbeckError, OSError):
        return [""] * len(rows)
