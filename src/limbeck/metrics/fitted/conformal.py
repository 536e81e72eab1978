"""Prediction sets with a stated coverage: split conformal prediction with a threshold for each class.

A class is in the set of a row when its nonconformity score is at most the class's threshold: the k-th smallest score of
the n calibration rows of that class, k = ceil((n + 1) * coverage). Of new rows of each class, a set then holds the
true class with at least that chance, if they are drawn like the calibration rows (Vovk 2012, "Conditional validity of
inductive conformal predictors"; Angelopoulos & Bates 2023). Scores: LAC, 1 - p (Sadinle, Lei & Wasserman 2019), and
APS, the mass of the classes that are at least as probable (Romano, Sesia & Candès 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.metrics.curves import Floats

LEVELS = tuple(round(0.5 + 0.01 * step, 2) for step in range(50))  # 0.50 to 0.99
SCORES = ("lac", "aps")
USUAL = 0.9
LEAST = 40  # calibration rows of a class below which it shares a threshold with the other such classes
ALWAYS = 2.0  # above every score: too few rows for the coverage
_GAP = 1e-6  # above the largest score, which rounding may move


@dataclass(frozen=True)
class Fitted:
    """Thresholds float [C, levels] of one score, and which classes share theirs, bool [C]."""

    score: str
    thresholds: Floats
    pooled: NDArray[np.bool_]
    rows: Floats


def fit_sets(p: ArrayLike, truth: ArrayLike, levels: ArrayLike = LEVELS) -> Fitted | None:
    """Return the thresholds that calibration rows give, by the score whose sets are smaller; None for too few rows.

    Parameters
    ----------
    p
        Probabilities float [N, C].
    truth
        Labels int64 [N]; or where there are none, float [N, C], how probable each class is to be the true one.
    """
    p, given = np.asarray(p, dtype=np.float64), np.asarray(truth)
    weight = np.eye(p.shape[1])[given] if given.ndim == 1 else given.astype(np.float64)
    rows = weight.sum(axis=0)
    if rows.sum() < LEAST:
        return None
    pooled = rows < LEAST
    # A pool that is itself too small takes all rows.
    beside = pooled if rows[pooled].sum() >= LEAST else np.ones(len(rows), dtype=bool)
    wanted = np.asarray(levels, dtype=np.float64)
    found = []
    for score in SCORES:
        scores = nonconformity(p, score)
        shared = _thresholds(scores[:, beside].ravel(), weight[:, beside].ravel(), wanted)
        cuts = np.stack([
            shared if pooled[k] else _thresholds(scores[:, k], weight[:, k], wanted) for k in range(len(rows))
        ])  # fmt: skip
        size = members(p, cuts[:, int(np.argmin(np.abs(wanted - USUAL)))], score).sum(axis=1).mean()
        found.append((float(size), Fitted(score, cuts, pooled, rows)))
    return min(found, key=lambda one: one[0])[1]


def nonconformity(p: ArrayLike, score: str) -> Floats:
    """Return how little each class fits each row, float [N, C]; probabilities float [N, C]."""
    p = np.asarray(p, dtype=np.float64)
    if score == "lac":
        return np.asarray(1.0 - p)
    order = np.argsort(-p, axis=1, kind="stable")
    mass = np.cumsum(np.take_along_axis(p, order, axis=1), axis=1)
    out = np.empty_like(p)
    np.put_along_axis(out, order, mass, axis=1)
    return out


def members(p: ArrayLike, thresholds: ArrayLike, score: str) -> NDArray[np.bool_]:
    """Return which classes are in the set of each row, bool [N, C]; thresholds float [C]. A set may be empty."""
    return np.asarray(nonconformity(p, score) <= np.asarray(thresholds), dtype=bool)


def _thresholds(scores: Floats, weight: Floats, levels: Floats) -> Floats:
    """Return the thresholds float [levels] of weighted scores, each half-way to the next larger score."""
    known = weight > 0
    order = np.argsort(scores[known], kind="stable")
    ordered, mass = scores[known][order], np.cumsum(weight[known][order])
    if not len(ordered):
        return np.full(len(levels), ALWAYS)
    # A new row counts as one more, with a score that may be the largest.
    place = np.searchsorted(mass, levels * (mass[-1] + 1) - 1e-9)
    cut = ordered[np.minimum(place, len(ordered) - 1)]
    after = np.searchsorted(ordered, cut + 1e-12, side="right")
    above = np.where(after < len(ordered), ordered[np.minimum(after, len(ordered) - 1)], cut + 2 * _GAP)
    return np.where(place < len(ordered), (cut + above) / 2, ALWAYS)
