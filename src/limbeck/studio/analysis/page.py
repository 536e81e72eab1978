"""The charts of the analysis page, from its figures."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from limbeck.studio.accounts.models import User
from limbeck.studio.analysis import figures
from limbeck.studio.analysis.charts import Chart, draw, number, percent, stacked
from limbeck.studio.analysis.figures import PARTS, Period
from limbeck.studio.analysis.models import BATCH, SINGLE
from limbeck.studio.analysis.roll_up import BINS
from limbeck.studio.roles import Ability


def charts(period: Period, user: User, may: Callable[[Ability], bool] | None = None) -> list[Chart]:
    """Return the charts that a person sees; names of reviewers only to administrators, of others their own alone.

    ``may`` says what they may do where that is less than their role allows: through a token.
    """
    may = may or user.may
    days = [day.isoformat() for day in period.dates]
    found = figures.answers(period)
    axis, other = (_("Day"), days), _("Other")

    def by_day(counts: Mapping[tuple[datetime.date, str], int]) -> Counter[tuple[int, str]]:
        places: Mapping[Hashable, int] = {day: at for at, day in enumerate(period.dates)}
        return Counter({(places[day], name): count for (day, name), count in counts.items() if day in places})

    sources = {BATCH: _("Batch"), SINGLE: _("Single answer")}
    out = [
        stacked("classes", _("Answers by class"), axis, by_day(found.classes), other),
        stacked("shares", _("Shares of the classes"), axis, by_day(found.classes), other, shares=True),
        stacked("sources", _("Answers by source"), axis, by_day(found.sources), other, names=sources),
        stacked("models", _("Answers by model"), axis, by_day(found.models), other),
        _confidence(found.bins),
    ]
    if may(Ability.REVIEW):
        reviewed = figures.throughput(period, None if may(Ability.ADMINISTER) else user)
        out.append(stacked("reviewed", _("Reviewed rows by person"), axis, by_day(reviewed.counts), other))
        out.append(_pace(reviewed))
    if period.model:
        people = figures.against_people(period.model)
        out += [_confusion(people.confusion), _reliability(people.reliability)]
    return out


def _confidence(bins: Counter[int]) -> Chart:
    labels = [f"{at / BINS:.2f}–{(at + 1) / BINS:.2f}" for at in range(BINS)]
    counts = [bins[at] for at in range(BINS)]
    rows: list[list[Any]] = [[label, count] for label, count in zip(labels, counts, strict=True)]
    return _simple("confidence", _("Probability of the answers"), [_("Probability"), _("Answers")], rows, number)


def _pace(found: figures.Throughput) -> Chart:
    sums: Counter[str] = Counter()
    for (_day, name), count in found.counts.items():
        sums[name] += count
    columns = [_("Person"), _("Seconds a row"), _("Reviewed rows")]
    rows: list[list[Any]] = [
        [name, round(found.seconds[name], 1), sums[name]] for name in sorted(sums) if name in found.seconds
    ]
    return _simple("pace", _("Time in view of a reviewed row"), columns, rows, lambda seconds: f"{seconds:.1f} s")


def _confusion(counts: Counter[tuple[str, str]]) -> Chart:
    """Return the answers by label: of each label one bar of its answers."""
    names = sorted({name for pair in counts for name in pair})
    by = Counter({(names.index(final), label): count for (label, final), count in counts.items()})
    return stacked("confusion", _("Answers by label, audit sample"), (_("Label"), names), by, _("Other"))


def _reliability(parts: Sequence[tuple[int, int]]) -> Chart:
    columns = [_("Probability"), _("Accuracy"), _("Rows")]
    rows: list[list[Any]] = [
        [f"{at / PARTS:.1f}–{(at + 1) / PARTS:.1f}", round(right / count, 6) if count else None, count]
        for at, (count, right) in enumerate(parts)
    ]
    return _simple("reliability", _("Accuracy by probability, audit sample"), columns, rows, percent, most=1.0)


def _simple(
    key: str, title: str, columns: list[str], rows: list[list[Any]], told: Any, *, most: float | None = None
) -> Chart:  # fmt: skip
    """Return a chart of one series: the second column of a table; further columns are counts."""
    values = [[float(row[1] or 0.0)] for row in rows]
    shown = [[str(row[0]), "–" if row[1] is None else told(row[1]), *map(number, row[2:])] for row in rows]
    return Chart(key, title, columns, rows, shown, draw([str(row[0]) for row in rows], values, [], told, most=most))
