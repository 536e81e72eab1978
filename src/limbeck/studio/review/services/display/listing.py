"""The list of items: filters, search, and pages that cost the same wherever they lie (`walking`).

How many rows there are in all is not counted: that would read them all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.core import signing
from django.db.models import F, Q
from django.utils.dateparse import parse_datetime

from limbeck.studio.review.models import Item
from limbeck.studio.review.services.display.walking import LIMITS, ORDERS, Filters, Key, Limits, walk

PER_PAGE = 50
_SALT = "review.listing"


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
    """Rows, and where the next page begins: "" behind the last one. ``searched`` rows were looked at."""

    rows: list[Item]
    after: str
    searched: int | None = None
    wanted: Wanted = field(default_factory=Wanted)


def listed(wanted: Wanted, after: str = "", size: int = PER_PAGE, limits: Limits = LIMITS) -> Page:
    """Return a page of items; ``after`` is that of the page before, and one that is not valid is the beginning."""
    sort = wanted.sort if wanted.sort in ORDERS else "newest"
    found = walk(_filters(wanted), sort, _start(after, ORDERS[sort]), size, limits)
    shown = Item.objects.select_related("final_by").defer("probabilities", "explanation", "others", "extra")
    rows = shown.in_bulk([key[-1] for key in found.keys])
    short = found.last is not None and len(found.keys) < size
    return Page(
        [rows[key[-1]] for key in found.keys if key[-1] in rows],
        "" if found.last is None else _place(found.last, ORDERS[sort]),
        found.looked if wanted.q or short else None,
        wanted,
    )


def _filters(wanted: Wanted) -> Filters:
    asked = {
        "model": wanted.model, "label": wanted.label, "source": wanted.source, "job": wanted.job,
        "final_by": wanted.reviewer,
    }  # fmt: skip
    usual, rare, others = Q(), Q(), Q()
    if wanted.state == "disputed":
        rare = Q(disputed__in=[True])  # as an index is looked up
    elif wanted.state == "corrected":
        others = Q(reviewed_at__isnull=False) & ~Q(final_label="") & ~Q(final_label=F("label"))
    elif wanted.state:
        asked["state"], usual = wanted.state, Q(disputed=False)
    if wanted.final_label:
        others &= Q(final_label=wanted.final_label)
    if wanted.audit:
        others &= Q(audit=True)
    return Filters({name: value for name, value in asked.items() if value}, usual, rare, others, wanted.q)


def _place(key: Key, order: Sequence[str]) -> str:
    """Return where a row stands, signed, so that it can be sent and comes back unchanged."""
    told = [value.isoformat() if hasattr(value, "isoformat") else value for value in key]
    return signing.dumps([list(order), told], salt=_SALT)


def _start(after: str, order: Sequence[str]) -> Key | None:
    if not after:
        return None
    try:
        named, told = signing.loads(after, salt=_SALT)
    except (signing.BadSignature, json.JSONDecodeError, ValueError):
        return None
    if named != list(order):
        return None
    return tuple(
        parse_datetime(value) if name.removeprefix("-") == "reviewed_at" else value
        for name, value in zip(order, told, strict=True)
    )
