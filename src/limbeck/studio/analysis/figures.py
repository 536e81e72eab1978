"""What the analysis page shows, in a number of queries that does not grow with the data."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Floor, TruncHour
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.analysis.models import Daily
from limbeck.studio.analysis.roll_up import uncounted
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import PERSON
from limbeck.studio.review.services.quality.audit import DONE

PARTS = 10  # of the probability, in the table of reliability


@dataclass(frozen=True)
class Period:
    """Days, the last of which is today, and the model that is looked at; "" for all."""

    days: int
    model: str = ""

    @property
    def dates(self) -> list[datetime.date]:
        """All days, the oldest first."""
        today = timezone.localdate()
        return [today - datetime.timedelta(days=back) for back in reversed(range(self.days))]

    @property
    def since(self) -> datetime.datetime:
        """The first moment of the first day."""
        midnight = datetime.datetime.combine(self.dates[0], datetime.time())
        return timezone.make_aware(midnight, timezone.get_current_timezone())


@dataclass(frozen=True)
class Answers:
    """Counts of answers: by day and class, by day and source, by day and model, and by part of the probability."""

    classes: Counter[tuple[datetime.date, str]]
    sources: Counter[tuple[datetime.date, str]]
    models: Counter[tuple[datetime.date, str]]
    bins: Counter[int]

    @property
    def total(self) -> int:
        """How many answers there are in all."""
        return self.bins.total()


@dataclass(frozen=True)
class Throughput:
    """How many items a person reviewed on which day, and how many seconds an item was in view on average."""

    counts: Counter[tuple[datetime.date, str]]
    seconds: dict[str, float]


@dataclass(frozen=True)
class AgainstPeople:
    """Reviewed rows of the audit sample: by answer and label; for each tenth of the probability rows and right ones."""

    confusion: Counter[tuple[str, str]]
    reliability: list[tuple[int, int]]


def answers(period: Period) -> Answers:
    """Return counts of answers; of one model where one is looked at, by model always of all."""
    young = uncounted(period.since)
    mine = Q(model=period.model) if period.model else Q()
    days = Daily.objects.filter(day__gte=period.dates[0])

    def by(field: str, rows: QuerySet) -> Counter[Any]:
        found: Counter[Any] = Counter()
        for *key, count in rows.order_by().values_list("day", field).annotate(sum=Sum("count")):
            found[tuple(key)] += count
        for one, count in young.items():
            if not period.model or field == "model" or one.model == period.model:
                found[one.day, getattr(one, field)] += count
        return found

    bins: Counter[int] = Counter()
    for (_day, part), count in by("bin", days.filter(mine)).items():
        bins[part] += count
    return Answers(
        by("label", days.filter(mine)), by("source", days.filter(mine)), by("model", days), bins
    )  # fmt: skip


def throughput(period: Period, person: User | None = None) -> Throughput:
    """Return what people reviewed; of one person alone where one is given. Rows accepted in bulk are not counted."""
    mine = Review.objects.filter(
        at__gte=period.since, source=PERSON, undone_at=None, skipped=False, bulk=False, person__isnull=False
    )  # fmt: skip
    if period.model:
        mine = mine.filter(item__model=period.model)
    if person is not None:
        mine = mine.filter(person=person)
    hours = mine.order_by().annotate(hour=TruncHour("at", tzinfo=datetime.UTC)).values_list("hour", "person")
    counts: Counter[tuple[datetime.date, int]] = Counter()
    looked: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for hour, who, count, timed, seconds in hours.annotate(
        count=Count("pk"), timed=Count("seconds"), mean=Avg("seconds")
    ):
        counts[timezone.localtime(hour).date(), who] += count
        if timed:
            looked[who].append((seconds, timed))
    names = _names({who for _day, who in counts})
    seconds_of = {
        names[who]: sum(mean * n for mean, n in parts) / sum(n for _mean, n in parts) for who, parts in looked.items()
    }
    return Throughput(Counter({(day, names[who]): n for (day, who), n in counts.items()}), seconds_of)


def against_people(model: str) -> AgainstPeople:
    """Return how answers and labels agree on the reviewed audit sample of a model, of all times."""
    done = Item.objects.filter(model=model, audit=True, state__in=DONE).exclude(final_label="")
    groups = done.order_by().annotate(part=Floor(F("probability") * PARTS)).values_list("label", "final_label", "part")
    confusion: Counter[tuple[str, str]] = Counter()
    rows, right = [0] * PARTS, [0] * PARTS
    for label, final, part, count in groups.annotate(count=Count("pk")):
        confusion[label, final] += count
        if part is not None:
            place = min(max(int(part), 0), PARTS - 1)
            rows[place] += count
            right[place] += count * (label == final)
    return AgainstPeople(confusion, list(zip(rows, right, strict=True)))


def _names(numbers: set[int]) -> dict[int, str]:
    """Return the names of people; two people of one name are told apart by their numbers."""
    shown = {user.pk: user.shown_name for user in User.objects.filter(pk__in=numbers)}
    often = Counter(shown.values())
    return {pk: name if often[name] == 1 else f"{name} (#{pk})" for pk, name in shown.items()}
