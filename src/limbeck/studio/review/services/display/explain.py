"""What drove the model's answer to an item, found when somebody looks at it: batches answer without it."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from limbeck.errors import LimbeckError
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.services import PARTS
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.display.shown import file_of


def explain(item: Item) -> list[dict[str, Any]]:
    """Return the parts that drove the answer, from the item or from its model, and keep them.

    They are empty where the model's version is not here any more, or cannot read the item.
    """
    if item.explanation is None:
        item.explanation = _asked(item)
        Item.objects.filter(pk=item.pk, explanation=None).update(explanation=item.explanation)
    parts: list[dict[str, Any]] = item.explanation
    return parts


def _asked(item: Item) -> list[dict[str, Any]]:
    try:
        version = version_of(item.model, item.version)
        values = _values(version, item)
        if values is None:
            return []
        found = classifier_of(version).explain(values, top=PARTS, unreadable="nan")[0]
    except LimbeckError:
        return []
    return [] if found is None else list(found.to_dict()["parts"])


def _values(version: Version, item: Item) -> Any:
    if version.one_text:
        return [item.content]
    if version.cells:
        cells = json.loads(item.content)
        names = version.manifest.task.inputs
        row = {name: [None if cells.get(name) is None else str(cells[name])] for name in names}
        return pl.DataFrame(row, schema=dict.fromkeys(names, pl.String))
    path = file_of(item)
    return None if path is None else [path]
