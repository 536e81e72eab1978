"""The list of items: filters, orders, and pages that cost the same wherever they lie.

A page begins behind the last row of the page before (keyset), not at an offset. Behind a row means: equal in all
columns of the order but the last ones, and further in the first that differs. Each of these cases is a query of its
own with a range of one index, as not all databases find such a range in one condition. How many rows there are in all
is not counted: that would read them all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Any

from django.core import signing
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.dateparse import parse_datetime

from limbeck.studio.review.models import Item
from limbeck.studio.review.models.items import PREDICTED, STATES

PER_PAGE = 50
SEARCHED = 4000  # rows that a search looks at for one page
_SALT = "review.listing"
# What people sort by -> columns that an index ends with; "-" is downwards.
ORDERS: dict[str, tuple[str, ...]] = {
    "uncertain": ("margin", "pk"),
    "newest": ("-pk",),
    "class": ("label", "state", "margin", "pk"),
    "source": ("source", "pk"),
    "model": ("model", "pk"),
    "reviewer": ("final_by_id", "reviewed_at", "pk"),
    "reviewed": ("-reviewed_at", "-pk"),
}
_NEEDED: dict[str, dict[str, bool]] = {
    "reviewer": {"final_by__isnull": False},
    "reviewed": {"reviewed_at__isnull": False},
}


@dataclass(frozen=True)
class Wanted:
    """Which items are listed. ``state`` may also be "disputed" and "corrected"; ``q`` is looked for in the content."""

    q: str = ""
    model: str = ""
    label: str = ""
    final_label: str = ""
    state: str = ""
    source: str = ""
    job: int | None = None
    reviewer: int | None = None
    audit: bool = False
    sort: str = "newest"


@dataclass(frozen=True)
class Page:
    """Rows, and where the next page begins: "" behind the last one. ``searched``: rows that a search looked at."""

    rows: list[Item]
    after: str
    searched: int | None = None
    wanted: Wanted = field(default_factory=Wanted)


def listed(wanted: Wanted, after: str = "", size: int = PER_PAGE) -> Page:
    """Return a page of items; ``after`` is that of the page before, and one that is not valid is the beginning."""
    order = ORDERS.get(wanted.sort, ORDERS["newest"])
    found = filtered(wanted)
    start = _start(after, order)
    if wanted.q:
        return _searched(found, wanted, order, start, size)
    shown = found.select_related("final_by").defer("probabilities", "explanation", "others", "extra")
    rows = _rows(shown, wanted, order, start, size + 1)
    more = len(rows) > size
    return Page(rows[:size], _place(rows[size - 1], order) if more else "", wanted=wanted)


def filtered(wanted: Wanted) -> QuerySet:
    """Return the items that pass all filters but the search."""
    found = Item.objects.filter(**_NEEDED.get(wanted.sort, {}))
    if wanted.state == "disputed":
        found = found.filter(disputed__in=[True])
    elif wanted.state == "corrected":
        found = found.filter(reviewed_at__isnull=False).exclude(final_label="").exclude(final_label=F("label"))
    elif wanted.state == PREDICTED and wanted.sort == "class":
        # Most rows wait: read in the order of the classes, and not all waiting ones to sort them.
        found = found.alias(own=Coalesce("state", Value(""))).filter(disputed=False, own=wanted.state)
    elif wanted.state:
        # "disputed IN (0)" is looked up in an index, "NOT disputed", as Django writes the other form, is not.
        found = found.filter(disputed__in=[False], state=wanted.state)
    if wanted.model and wanted.sort in ("uncertain", "class"):
        # As above: read in order and leave other models out, not all rows of the model to sort them.
        found = found.alias(of=Coalesce("model", Value(""))).filter(of=wanted.model)
    elif wanted.model:
        found = found.filter(model=wanted.model)
    asked = {
        "label": wanted.label, "final_label": wanted.final_label, "source": wanted.source, "job": wanted.job,
        "final_by": wanted.reviewer, "audit": wanted.audit,
    }  # fmt: skip
    return found.filter(**{name: value for name, value in asked.items() if value})


def _rows(
    found: QuerySet, wanted: Wanted, order: Sequence[str], start: Sequence[Any] | None, size: int
) -> list[Item]:  # fmt: skip
    """Return the rows of a page.

    Of one class by uncertainty they are merged from the states: the index of a class is in order within each state.
    """
    if not (wanted.label and wanted.sort == "uncertain" and not wanted.state):
        return _behind(found, order, start, size)
    parts = [_behind(found.filter(state=state), order, start, size) for state, _text in STATES]
    return list(islice(merge(*parts, key=lambda row: (row.margin, row.pk)), size))


def _behind(found: QuerySet, order: Sequence[str], start: Sequence[Any] | None, size: int) -> list[Item]:
    """Return up to ``size`` rows behind the values of a row, in an order."""
    chosen = found.order_by(*order)
    if start is None:
        return list(chosen[:size])
    rows: list[Item] = []
    for depth in range(len(order), 0, -1):
        names = [name.removeprefix("-") for name in order[:depth]]
        beyond = "lt" if order[depth - 1].startswith("-") else "gt"
        same = dict(zip(names[:-1], start, strict=False))
        part = chosen.filter(**same, **{f"{names[-1]}__{beyond}": start[depth - 1]})
        rows += part[: size - len(rows)]
        if len(rows) == size:
            break
    return rows


def _searched(
    found: QuerySet, wanted: Wanted, order: Sequence[str], start: Sequence[Any] | None, size: int
) -> Page:  # fmt: skip
    """Search the next `SEARCHED` rows that pass the filters."""
    keys = _behind(found.only(*{name.removeprefix("-").removesuffix("_id") for name in order}), order, start, SEARCHED)
    rows: list[Item] = []
    for at in range(0, len(keys), 500):
        chunk = [one.pk for one in keys[at : at + 500]]
        hits = found.filter(pk__in=chunk, content__icontains=wanted.q).select_related("final_by").in_bulk()
        rows += [hits[number] for number in chunk if number in hits]
        if len(rows) > size:
            return Page(rows[:size], _place(rows[size - 1], order), at + len(chunk), wanted)
    more = len(keys) == SEARCHED
    return Page(rows, _place(keys[-1], order) if more else "", len(keys), wanted)


def _place(row: Item, order: Sequence[str]) -> str:
    """Return where a row stands, signed, so that it can be sent and comes back unchanged."""
    values = [getattr(row, name.removeprefix("-")) for name in order]
    told = [value.isoformat() if hasattr(value, "isoformat") else value for value in values]
    return signing.dumps([list(order), told], salt=_SALT)


def _start(after: str, order: Sequence[str]) -> list[Any] | None:
    if not after:
        return None
    try:
        named, told = signing.loads(after, salt=_SALT)
    except (signing.BadSignature, json.JSONDecodeError, ValueError):
        return None
    if named != list(order):
        return None
    return [
        parse_datetime(value) if name.removeprefix("-") == "reviewed_at" else value
        for name, value in zip(order, told, strict=True)
    ]
