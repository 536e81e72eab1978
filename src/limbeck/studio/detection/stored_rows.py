"""Rows as the database keeps them, turned back into what a classifier reads, and into tables to train from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings

from limbeck.kinds import KINDS
from limbeck.studio.registry.facts import Version


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
