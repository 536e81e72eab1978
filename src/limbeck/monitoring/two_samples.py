"""Can a classifier tell the rows of a window from those of a reference? Then the rows have changed.

The classifier two-sample test (Lopez-Paz & Oquab 2017) with ridge regression on the rows' vectors. Its leave-one-out
answers have a closed form that is linear in which rows are of the window, so a hundred permutations cost little more
than one, and the probability is exact: of permutations of rows that have not changed, at most ``level`` give an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.monitoring.ridge import left_out

Floats = NDArray[np.float64]
LEVEL = 0.05
MOST = 2000  # rows of each side that are looked at
_PERMUTATIONS = 199


@dataclass(frozen=True)
class TwoSamples:
    """Area under the ROC curve of telling the window apart, what chance stays below, and the probability by chance."""

    auc: float
    threshold: float
    p: float
    drifted: bool


def two_samples(reference: ArrayLike, window: ArrayLike, *, level: float = LEVEL, seed: int = 0) -> TwoSamples:
    """Test whether vectors float[R, D] and float[N, D] are drawn alike; rows that are not finite are left out.

    Of each side at most `MOST` rows are looked at, drawn by ``seed``.

    Raises
    ------
    LimbeckError
        When a side has fewer than 10 rows, or they have different widths.
    """
    rng = np.random.default_rng(seed)
    old, new = _some(reference, rng), _some(window, rng)
    if old.shape[1] != new.shape[1] or min(len(old), len(new)) < 10:
        raise LimbeckError("two sets of 10 vectors or more of one width are compared", where="two_samples")
    X = np.concatenate([old, new])
    X = X - X.mean(axis=0)
    given = np.r_[np.zeros(len(old)), np.ones(len(new))]
    orders = [np.arange(len(X)), *(rng.permutation(len(X)) for _ in range(_PERMUTATIONS))]
    labels = np.stack([given[order] for order in orders], axis=1)
    areas = _areas(left_out(X, labels), labels)
    p = float((areas >= areas[0] - 1e-12).mean())
    return TwoSamples(float(areas[0]), float(np.quantile(areas[1:], 1 - level)), p, p <= level)


def _areas(scores: Floats, labels: Floats) -> Floats:
    """Return the area under the ROC curve, float64[P], of scores float64[N, P] for 0/1 labels float64[N, P]."""
    ranks = np.empty_like(scores)
    np.put_along_axis(ranks, scores.argsort(axis=0), np.arange(1.0, len(scores) + 1)[:, None], axis=0)
    ones = labels.sum(axis=0)
    return np.asarray(((ranks * labels).sum(axis=0) - ones * (ones + 1) / 2) / (ones * (len(scores) - ones)))


def _some(vectors: ArrayLike, rng: np.random.Generator) -> Floats:
    found = np.asarray(vectors, dtype=np.float64)
    found = found[np.isfinite(found).all(axis=1)]
    return found if len(found) <= MOST else found[np.sort(rng.choice(len(found), MOST, replace=False))]
