"""Reviewed rows as training rows and as test rows. A row is one or the other, for good.

Rows of the audit sample are drawn at random and never learned from, so that every later version can be tested on them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.db.models import QuerySet

from limbeck.kinds import KINDS
from limbeck.studio.registry.facts import Version
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


def values_of(version: Version, contents: list[tuple[str, str]]) -> list[Any] | pl.DataFrame:
    """Return rows as a classifier of that kind takes them, of pairs of an item's content and its file."""
    if version.one_text:
        return [content for content, _ in contents]
    if KINDS[version.kind].costly:
        return [Path(settings.HOME) / file for _, file in contents]
    return pl.DataFrame([cells_of(content) for content, _ in contents], infer_schema_length=None)


def frame_of(version: Version, rows: list[tuple[str, str]], label: str) -> pl.DataFrame:
    """Return pairs of content and final label as a table with the model's inputs and the column ``label``."""
    inputs = version.manifest.task.inputs
    if version.one_text:
        return pl.DataFrame({inputs[0]: [content for content, _ in rows], label: [given for _, given in rows]})
    cells = [{name: cells_of(content).get(name) for name in inputs} for content, _ in rows]
    texts = [{name: None if cell is None else str(cell) for name, cell in row.items()} for row in cells]
    return pl.DataFrame(texts, schema=dict.fromkeys(inputs, pl.String)).with_columns(
        pl.Series(label, [given for _, given in rows], dtype=pl.String)
    )


def cells_of(content: str) -> dict[str, Any]:
    """Return the columns of a row that is kept as JSON; none of one that is not."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
