"""A detector at one threshold for each class: where to draw it, what it finds and misses there, what it mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.metrics.boxes.coco import SIZES, Found, Truth, matched
from limbeck.metrics.boxes.overlap import overlaps

LEAST_OVERLAP = 0.5  # IoU from which on a box is found
USUAL = 0.3  # threshold of a class without an object to choose by
_LOWEST, _HIGHEST = 0.05, 0.95


def best_thresholds(true: Sequence[Truth], found: Sequence[Found], classes: Sequence[str]) -> dict[str, float]:
    """Return the threshold of each class with the best F1 at an IoU of 0.5, half-way between two scores."""
    out = {}
    for kind, name in enumerate(classes):
        scores, right, objects = _outcomes(true, found, kind)
        if not objects or not len(scores):
            out[name] = USUAL
            continue
        order = np.argsort(-scores, kind="stable")
        scores, hits = scores[order], np.cumsum(right[order])
        f1 = 2 * hits / (np.arange(1, len(scores) + 1) + objects)
        f1[:-1][scores[:-1] == scores[1:]] = -1.0  # a threshold cannot come between equal scores
        best = int(f1.argmax())
        below = scores[best + 1] if best + 1 < len(scores) else 0.0
        out[name] = float(np.clip(round(float(scores[best] + below) / 2, 4), _LOWEST, _HIGHEST))
    return out


def at_thresholds(
    true: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Return precision, recall and F1 over all boxes and of each class, at the thresholds; None where undefined."""
    rows = {}
    total = np.zeros(3, dtype=np.int64)  # right, found, objects
    for kind, name in enumerate(classes):
        scores, right, objects = _outcomes(true, found, kind)
        chosen = scores >= thresholds[name]
        counts = np.array([int(right[chosen].sum()), int(chosen.sum()), objects])
        total += counts
        rows[name] = {**_rates(counts), "threshold": thresholds[name], "objects": objects}
    return {**_rates(total), "by_class": rows}


def confusion(
    true: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], thresholds: Mapping[str, float]
) -> list[list[int]]:
    """Return counts [C + 1][C + 1] of true by found class; the last row and column are background.

    Boxes are paired whatever their class, the largest IoU first, from 0.5 on. A true box without a partner was taken
    for background, a found one without a partner is background taken for an object. What lies in a crowd does not
    count.
    """
    counts = np.zeros((len(classes) + 1, len(classes) + 1), dtype=np.int64)
    cuts = np.array([thresholds[name] for name in classes])
    for one, other in zip(true, found, strict=True):
        chosen = other.scores >= cuts[other.labels]
        edges, labels = other.edges[chosen], other.labels[chosen]
        real = ~one.crowd
        shared = overlaps(edges, one.edges[real])
        paired, taken = np.full(len(edges), -1), np.zeros(int(real.sum()), dtype=bool)
        for at in np.argsort(-shared, axis=None, kind="stable").tolist():
            row, column = divmod(at, max(shared.shape[1], 1))
            if shared[row, column] < LEAST_OVERLAP:
                break
            if paired[row] < 0 and not taken[column]:
                paired[row], taken[column] = column, True
        inside = overlaps(edges, one.edges[~real], np.ones(int((~real).sum()), dtype=bool))
        free = (paired < 0) & ~(inside >= LEAST_OVERLAP).any(axis=1)
        np.add.at(counts, (one.labels[real][paired[paired >= 0]], labels[paired >= 0]), 1)
        np.add.at(counts, (np.full(int(free.sum()), len(classes)), labels[free]), 1)
        np.add.at(counts, (one.labels[real][~taken], np.full(int((~taken).sum()), len(classes))), 1)
    return [list(map(int, row)) for row in counts]


def _outcomes(
    true: Sequence[Truth], found: Sequence[Found], kind: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Return scores and whether each box is right, of those that count, and the number of objects of a class."""
    scores, right, objects = [np.empty(0)], [np.empty(0, dtype=bool)], 0
    for one, other in zip(true, found, strict=True):
        part = matched(*other.of(kind), *one.of(kind), SIZES["all"])
        counts = ~part.ignored[0]
        scores.append(part.scores[counts])
        right.append(part.hit[0][counts])
        objects += part.objects
    return np.concatenate(scores), np.concatenate(right), objects


def _rates(counts: NDArray[np.int64]) -> dict[str, float | None]:
    right, found, objects = map(int, counts)
    precision = right / found if found else None
    recall = right / objects if objects else None
    f1 = 2 * right / (found + objects) if found + objects else None
    return {"precision": precision, "recall": recall, "f1": f1}
