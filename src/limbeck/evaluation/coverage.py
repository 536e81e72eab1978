"""How often the prediction sets of a bundle hold the true class on labelled rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.messages.message import Message, message
from limbeck.metrics.fitted.conformal import USUAL, members

LEAST = 20  # rows of a group from which on its coverage is worth telling


def coverage_of(
    classifier: Classifier, y: np.ndarray, p: np.ndarray, groups: Sequence[Any] | None
) -> tuple[dict[str, Any], list[Message]]:
    """Return the figures of sets of coverage 0.9 under ``sets``, and what is to be said of them; nothing without sets.

    ``sets`` has ``stated`` and ``coverage``, ``by_class``, the mean ``size`` of a set, the share of ``empty`` ones, and
    with groups, of those with twenty rows or more, the one that is covered least: ``worst_group`` and its
    ``worst_coverage``.
    """
    sets = classifier.manifest.sets
    if sets is None or not len(y):
        return {}, []
    inside = members(p, classifier.set_thresholds(USUAL), sets.score)
    held = inside[np.arange(len(y)), y]
    by_class = {name: float(held[y == k].mean()) for k, name in enumerate(classifier.classes) if (y == k).any()}
    sizes = inside.sum(axis=1)
    found: dict[str, Any] = {
        "stated": USUAL, "coverage": float(held.mean()), "by_class": by_class, "size": float(sizes.mean()),
        "empty": float((sizes == 0).mean()),
    }  # fmt: skip
    told = [
        message(
            "evaluation.sets", stated=USUAL, coverage=found["coverage"], size=found["size"], empty=found["empty"],
            least=min(by_class.values()), name=min(by_class, key=by_class.__getitem__),
        )
    ]  # fmt: skip
    worst = _worst(held, groups)
    if worst is not None:
        found |= {"worst_group": worst[0], "worst_coverage": worst[1]}
        told.append(message("evaluation.sets_group", group=worst[0], coverage=worst[1], count=worst[2]))
    return {"sets": found}, told


def _worst(held: np.ndarray, groups: Sequence[Any] | None) -> tuple[str, float, int] | None:
    """Return the name, coverage and size of the group that is covered least, of two or more large ones."""
    if groups is None:
        return None
    names, at = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
    counts = np.bincount(at)
    shares = np.where(counts >= LEAST, np.bincount(at, weights=held) / counts, np.inf)
    if (counts >= LEAST).sum() < 2:
        return None
    worst = int(shares.argmin())
    return str(names[worst]), float(shares[worst]), int(counts[worst])
