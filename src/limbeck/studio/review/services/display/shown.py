"""An item as the review page gets it: its content as HTML, and what the model answered where that may be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import select_template

from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.studio.detection.marks import drawn_explanation
from limbeck.studio.registry.facts import version_of
from limbeck.studio.review.models import Item

LONGEST_CELL = 2000  # characters of a table's cell


def as_json(item: Item, classes: list[str]) -> dict[str, Any]:
    """Return an item as the queue page holds it; nothing in it tells a gold row from another item."""
    blind = item.wanted > 1
    answer = None if blind else _answer(item, classes)
    return {
        "id": item.pk,
        "kind": item.kind,
        "html": as_html(item),
        "blind": blind,
        "accept": item.label if answer and item.label in classes else "",
        "answer": answer,
        "marks": not blind and item.explanation is None,
    }


def as_html(item: Item, *, marked: bool = True) -> str:
    """Return the content of an item as its kind shows it; ``marked``: with what drove the answer, where it is known."""
    seen = item if marked and item.wanted == 1 else _without_marks(item)
    template = select_template([f"review/show/{item.kind}.html", "review/show/text.html"])
    path = file_of(item)
    context = {"item": item, "cells": cells_of(item), "has_file": path is not None, "drawing": _drawing(item, path)}
    return str(template.render({**context, **drawn_explanation(seen)}))


def cells_of(item: Item) -> dict[str, str]:
    """Return the columns of an item that is not one text."""
    try:
        found = json.loads(item.content) if item.content.startswith("{") else {}
    except ValueError:
        return {}
    return {str(name)[:200]: "–" if cell is None else str(cell)[:LONGEST_CELL] for name, cell in found.items()}


def file_of(item: Item) -> Path | None:
    """Return the file of an item; None where it has none, or it is gone with its job."""
    if item.file:
        path = Path(settings.HOME) / item.file
        return path if path.is_file() else None
    if item.job_id is None:
        return None
    folder = (Path(settings.HOME) / "jobs" / str(item.job_id) / "input").resolve()
    path = (folder / cells_of(item).get("file", "")).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


def brief(item: Item) -> str:
    """Return an item in one line."""
    cells = cells_of(item)
    return " · ".join(cells.values()) if cells else item.content


def _answer(item: Item, classes: list[str]) -> dict[str, Any] | None:
    if not item.label:
        return None
    order = [*classes, *(name for name in item.probabilities if name not in classes)]
    shares = [[name, item.probabilities[name]] for name in order if item.probabilities.get(name) is not None]
    return {
        "label": item.label, "probability": item.probability, "shares": shares[:10],
        "others": [[one["model"], one["label"]] for one in item.others], "given": item.given,
    }  # fmt: skip


def _drawing(item: Item, path: Path | None) -> str:
    """Return an item of a file as its kind draws it, e.g. a beat on the standard grid; "" where that cannot be."""
    kind = KINDS.get(item.kind)
    if path is None or item.row is None or kind is None or not kind.offers("report", "drawing"):
        return ""
    try:
        manifest = version_of(item.model, item.version or None).manifest
        found: str | None = kind.load("report").drawing(path, item.row, manifest)
    except LimbeckError:
        return ""
    return found or ""


def _without_marks(item: Item) -> Item:
    return Item(kind=item.kind, content=item.content, file=item.file)
