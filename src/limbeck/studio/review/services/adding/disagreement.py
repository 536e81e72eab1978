"""How far models disagree about a row, 0 to 1: the divergence of `limbeck.monitoring.choose` by its maximum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from limbeck.monitoring.choose import disagreement as divergences
from limbeck.studio.review.models import Item


def disagreement(answers: Sequence[dict[str, float | None]]) -> float:
    """Return the divergence of K answers, each class -> probability, divided by its maximum; 0 for fewer than two.

    A class that an answer lacks, or that has no probability, counts as 0.
    """
    if len(answers) < 2:
        return 0.0
    classes = list(dict.fromkeys(name for answer in answers for name in answer))
    p = np.array([[answer.get(name) or 0.0 for name in classes] for answer in answers], dtype=np.float64)
    totals = p.sum(1, keepdims=True)
    p = np.divide(p, totals, out=np.zeros_like(p), where=totals > 0)
    most = math.log(min(len(answers), len(classes))) if len(classes) > 1 else 1.0
    return float(np.clip(divergences(p[:, None, :])[0] / most, 0.0, 1.0))


def hold_against_others(items: list[Item]) -> list[Item]:
    """Set ``others`` and ``disagreement`` of new items from items of other models with the same content.

    Returns those other items, changed in the same way and not stored.
    """
    found: dict[str, list[Item]] = {}
    fields = ("pk", "digest", "model", "version", "label", "probability", "probabilities", "others", "disagreement")
    for item in Item.objects.filter(digest__in={item.digest for item in items}).only(*fields):
        found.setdefault(item.digest, []).append(item)
    changed: dict[int, Item] = {}
    for item in items:
        for other in found.get(item.digest, ()):
            if other.model != item.model:
                _note(item, other)
                _note(other, item)
                changed[other.pk] = other
    return list(changed.values())


def _note(item: Item, other: Item) -> None:
    """Note the answer of another model; a later version replaces an earlier one."""
    kept = [told for told in item.others if told["model"] != other.model]
    told: dict[str, Any] = {
        "model": other.model, "version": other.version, "label": other.label, "probability": other.probability,
        "probabilities": other.probabilities or {other.label: 1.0},
    }  # fmt: skip
    item.others = [*kept, told]
    own = item.probabilities or {item.label: 1.0}
    item.disagreement = disagreement([own, *(one["probabilities"] for one in item.others)])
