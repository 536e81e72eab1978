"""Which rows a page of the list has, read from an index that is in the order of the list.

Some filters are the beginning of an index that goes on in the order asked for; these say which range of it is read. All
other filters, and the search in the content, are asked of each row of that range. Rows that pass may be rare, so a page
looks at a limited number of rows and says where the next page goes on. Where one filter alone leaves few rows, these
are taken and sorted instead. `Limits` has the numbers.

A page begins behind the last row of the page before (keyset), not at an offset. Behind a row means: equal in all
columns of the order but the last ones, and further in the first that differs. Each of these cases is a query of its
own with a range of one index, as not all databases find such a range in one condition. Where an index is in order only
within each state, a page is merged from the states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import Case, Q, QuerySet, Value, When

from limbeck.studio.review.models import Item
from limbeck.studio.review.models.items import STATES

Key = tuple[Any, ...]  # the values of a row in the columns of an order; the last one is its number
# What people sort by -> columns that an index ends with; "-" is downwards.
ORDERS: dict[str, tuple[str, ...]] = {
    "uncertain": ("margin", "pk"),
    "newest": ("-pk",),
    "class": ("label", "margin", "pk"),
    "source": ("source", "pk"),
    "model": ("model", "pk"),
    "reviewer": ("final_by_id", "reviewed_at", "pk"),
    "reviewed": ("-reviewed_at", "-pk"),
}
# Filters that an index of that order begins with, in this order of preference.
_LEADING: dict[str, tuple[tuple[str, ...], ...]] = {
    "uncertain": (("job", "state"), ("job",), ("label", "state"), ("label",), ("state",)),
    "newest": (
        ("job",), ("final_by",), ("model", "label", "state"), ("model", "label"), ("model", "state"), ("model",),
        ("label", "state"), ("label",), ("source",), ("state",),
    ),
    "class": (("label", "state"), ("label",), ("state",)),
    "source": (("source",),),
    "model": (("model", "state"), ("model",)),
    "reviewer": (("final_by",),),
    "reviewed": (("final_by",),),
}  # fmt: skip
# Those of them whose index has the state before the order.
_BY_STATE = {
    ("uncertain", ()), ("uncertain", ("job",)), ("uncertain", ("label",)),
    ("newest", ("model", "label")), ("newest", ("label",)),
}  # fmt: skip
_PROBED = (("final_by",), ("job",), ("source",), ("model", "label", "state"))


@dataclass(frozen=True)
class Filters:
    """What rows are to be.

    ``equal`` by column, some of which indexes begin with; ``usual`` passes nearly all of these rows; ``rare`` is looked
    up in an index and passes few of all rows; ``others``; ``q`` is part of the content.
    """

    equal: Mapping[str, Any]
    usual: Q = field(default_factory=Q)
    rare: Q = field(default_factory=Q)
    others: Q = field(default_factory=Q)
    q: str = ""


@dataclass(frozen=True)
class Limits:
    """How many rows are sorted; looked at first, enough where many pass; looked at, and searched in, at most."""

    few: int = 2000
    first: int = 500
    looked: int = 5000
    searched: int = 4000


LIMITS = Limits()


@dataclass(frozen=True)
class Walked:
    """The keys of a page, where the next one goes on (None: nowhere), and how many rows were looked at."""

    keys: list[Key]
    last: Key | None
    looked: int


def walk(filters: Filters, sort: str, start: Key | None, size: int, limits: Limits = LIMITS) -> Walked:
    """Return the first ``size`` rows behind ``start`` that pass the filters."""
    order, given = ORDERS[sort], filters.equal
    leading = next((names for names in _LEADING[sort] if set(names) <= given.keys()), ())
    rest = filters.others & filters.rare & Q(**{name: given[name] for name in given if name not in leading})
    if filters.q:
        rest &= Q(content__icontains=filters.q)
    if rest and (few := _few(filters, limits.few)) is not None:
        return _sorted(few, Q(**given) & filters.usual & rest & _needed(sort), order, start, size)
    found = Item.objects.filter(filters.usual, _needed(sort), **_led(leading, given, sort))
    for limit in (limits.first, limits.searched if filters.q else limits.looked) if rest else (size + 1,):
        rows = _merged(found, rest, order, start, limit, by_state=(sort, leading) in _BY_STATE)
        keys = [tuple(key) for *key, fits in rows if fits][: size + 1]
        if len(keys) > size:
            return Walked(keys[:size], keys[size - 1], len(rows))
        if len(rows) < limit:
            break
    return Walked(keys, tuple(rows[-1][:-1]) if rest and len(rows) == limit else None, len(rows))


def _led(leading: Sequence[str], given: Mapping[str, Any], sort: str) -> dict[str, Any]:
    led = {name: given[name] for name in leading}
    if sort == "newest" and leading == ("state",):
        # The index begins with "disputed"; SQLite looks up "IN (0)" and not "NOT disputed", as Django writes "= False".
        led["disputed__in"] = [False]
    return led


def _needed(sort: str) -> Q:
    """Return what rows need to have a place in an order."""
    needed = {"reviewer": Q(final_by__isnull=False), "reviewed": Q(reviewed_at__isnull=False)}
    return needed.get(sort, Q())


def _few(filters: Filters, most: int) -> list[int] | None:
    """Return all rows that an indexed filter leaves, where they are few; None where each leaves many."""
    given = filters.equal
    probes = [Q(**{name: given[name] for name in names if name in given}) for names in _PROBED]
    for probe in (filters.rare, *probes):
        if probe:
            found = list(Item.objects.filter(probe).order_by().values_list("pk", flat=True)[: most + 1])
            if len(found) <= most:
                return found
    return None


def _sorted(few: list[int], passes: Q, order: Sequence[str], start: Key | None, size: int) -> Walked:
    """Return a page of few rows."""
    names, downwards = [name.removeprefix("-") for name in order], order[0].startswith("-")
    found = Item.objects.filter(passes, pk__in=few).order_by().values_list(*names)
    keys = sorted((tuple(key) for key in found), reverse=downwards)
    if start is not None:
        keys = [key for key in keys if (key < start if downwards else key > start)]
    return Walked(keys[:size], keys[size - 1] if len(keys) > size else None, len(few))


def _merged(
    found: QuerySet, rest: Q, order: Sequence[str], start: Key | None, limit: int, *, by_state: bool
) -> list[Key]:  # fmt: skip
    """Return up to ``limit`` keys behind ``start``, and whether the row passes the other filters behind each."""
    fits = Case(When(rest, then=Value(1)), default=Value(0)) if rest else Value(1)
    chosen = found.annotate(fits=fits)
    if not by_state:
        return _behind(chosen, order, start, limit)
    parts = [_behind(chosen.filter(state=state), order, start, limit) for state, _text in STATES]
    return list(islice(merge(*parts, reverse=order[0].startswith("-")), limit))


def _behind(found: QuerySet, order: Sequence[str], start: Key | None, limit: int) -> list[Key]:
    """Return the keys of up to ``limit`` rows behind a row, in an order."""
    names = [name.removeprefix("-") for name in order]
    chosen = found.order_by(*order).values_list(*names, "fits")
    if start is None:
        return list(chosen[:limit])
    keys: list[Key] = []
    for depth in range(len(order), 0, -1):
        beyond = "lt" if order[depth - 1].startswith("-") else "gt"
        same = dict(zip(names[: depth - 1], start, strict=False))
        part = chosen.filter(**same, **{f"{names[depth - 1]}__{beyond}": start[depth - 1]})
        keys += part[: limit - len(keys)]
        if len(keys) == limit:
            break
    return keys
