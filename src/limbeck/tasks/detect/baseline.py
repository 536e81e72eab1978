"""What a detector has to beat: the same boxes for every picture, where train has most of each class.

Boxes are counted in shares of their pictures. A box of train stands for those of its class that it overlaps by half;
the one that stands for most comes first, those that it overlaps are left out, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.metrics.boxes.coco import Found, coco_metrics
from limbeck.metrics.boxes.overlap import overlaps, suppressed
from limbeck.tasks.detect.boxes import Labelled, truths

NAME = "most frequent boxes"
MOST, SAMPLED = 20, 1000  # boxes of a class that are answered, and that are looked at
_SHARED = 0.5


def baseline_row(train: Sequence[Labelled], evaluated: Sequence[Labelled], classes: Sequence[str]) -> dict[str, Any]:
    """Return the baseline's line of the report on the ``evaluated``: name, ``ap``, ``ap50``, ``n_train`` pictures."""
    edges, scores, labels = frequent_boxes(train, len(classes))
    found = [
        Found(edges * np.tile(np.array(one.size, dtype=np.float64), 2), scores, labels) for one in evaluated
    ]  # fmt: skip
    metrics = coco_metrics(truths(evaluated), found, classes)
    return {"name": NAME, "ap": metrics["ap"], "ap50": metrics["ap50"], "n_train": len(train)}


def frequent_boxes(
    train: Sequence[Labelled], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return edges float64 [N, 4] in shares of a picture, scores float64 [N] and labels int64 [N]."""
    parts = []
    for kind in range(classes):
        own = [_shares(one)[(one.boxes.labels == kind) & ~one.boxes.crowd] for one in train]
        edges = np.concatenate(own) if own else np.empty((0, 4))
        edges = edges[np.random.default_rng(0).permutation(len(edges))[:SAMPLED]]
        counts = (overlaps(edges, edges) >= _SHARED).sum(axis=1).astype(np.float64)
        kept = suppressed(edges, counts, np.zeros(len(edges), dtype=np.int64), _SHARED)[:MOST]
        parts.append((edges[kept], counts[kept] / max(len(train), 1), np.full(len(kept), kind, dtype=np.int64)))
    edges, scores, labels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return edges, np.minimum(scores, 1.0), labels


def _shares(one: Labelled) -> NDArray[np.float64]:
    return np.asarray(one.boxes.edges / np.tile(np.array(one.size, dtype=np.float64), 2))
