"""Intersection over union of boxes, as pycocotools counts it: right and lower edges are exclusive."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Edges = NDArray[np.float64]


def areas(edges: Edges) -> NDArray[np.float64]:
    """Return the area of boxes float [N, 4] (left, upper, right, lower), float64 [N]."""
    return np.asarray((edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1]))


def overlaps(found: Edges, true: Edges, crowd: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Return the IoU of boxes float [D, 4] with boxes float [G, 4], float64 [D, G].

    Parameters
    ----------
    crowd
        bool [G]: of these the intersection is divided by the area of the found box alone.
    """
    low = np.maximum(found[:, None, :2], true[None, :, :2])
    high = np.minimum(found[:, None, 2:], true[None, :, 2:])
    sides = np.maximum(high - low, 0)
    inner = sides[..., 0] * sides[..., 1]
    own = areas(found)[:, None]
    union = own + areas(true)[None, :] - inner
    if crowd is not None:
        union = np.where(crowd[None, :], own, union)
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def suppressed(edges: Edges, scores: NDArray[np.float64], labels: NDArray[np.int64], most: float) -> NDArray[np.int64]:
    """Return which boxes stay, int64, highest score first, where none overlaps a higher one of its class by > ``most``.

    Greedy non-maximum suppression, class by class, in memory of the order of N.
    """
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        shared = overlaps(edges[best : best + 1], edges[left])[0]
        left = left[(labels[left] != labels[best]) | (shared <= most)]
    return np.array(kept, dtype=np.int64)
