"""Ranking curves and their areas, for one class against the rest, with row weights.

Every quantity is read off two cumulative counts along the rows sorted by falling score: true and false
positives at each distinct score. Tied scores are one step, never an arbitrary order. The counts broadcast
over leading axes, so that a thousand bootstrap resamples are one array operation (see `summary`).

Sources: Fawcett 2006, "An introduction to ROC analysis"; Davis & Goadrich 2006, "The relationship between
Precision-Recall and ROC curves"; ISO/IEC 19795-1 for DET and the equal error rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Ranking:
    """Rows sorted by falling score: ``order`` int64[N], ``starts`` int64[T] of each run of equal scores."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    thresholds: Floats  # float[T], strictly falling
    positive: Floats  # float[N] of 0 and 1, in sorted order


@dataclass(frozen=True)
class Counts:
    """Weighted counts at each distinct score, falling: steps and running sums, all float[..., T]."""

    step_tp: Floats
    step_fp: Floats
    tp: Floats
    fp: Floats


def rank(positives: ArrayLike, scores: ArrayLike) -> Ranking:
    """Sort rows once, for any number of weightings; positives bool[N], scores float[N].

    Raises
    ------
    ValueError
        When the two lengths differ or a score is NaN.
    """
    truth, score = np.asarray(positives, dtype=bool), np.asarray(scores, dtype=np.float64)
    if truth.shape != score.shape or truth.ndim != 1:
        raise ValueError(f"positives {truth.shape} and scores {score.shape} must be of one length")
    if np.isnan(score).any():
        raise ValueError("a score is NaN")
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    first = np.ones(len(falling), dtype=bool)
    first[1:] = falling[1:] != falling[:-1]
    starts = np.flatnonzero(first)
    return Ranking(order, starts, falling[starts], truth[order].astype(np.float64))


def count(ranking: Ranking, weights: ArrayLike | None = None) -> Counts:
    """Return the counts of a ranking under weights float[..., N] (default: one each)."""
    if weights is None:
        each = np.ones_like(ranking.positive)
    else:
        each = np.take(np.asarray(weights, dtype=np.float64), ranking.order, axis=-1)
    step_tp = each * ranking.positive
    step_all = each
    if len(ranking.starts) < len(ranking.order):
        step_tp = np.add.reduceat(step_tp, ranking.starts, axis=-1)
        step_all = np.add.reduceat(each, ranking.starts, axis=-1)
    step_fp = step_all - step_tp
    return Counts(step_tp, step_fp, np.cumsum(step_tp, axis=-1), np.cumsum(step_fp, axis=-1))


def area_roc(c: Counts) -> Floats:
    """Area under ROC, float[...]; NaN without both classes. Ties count one half (Fawcett 2006, alg. 2)."""
    pairs = c.tp[..., -1] * c.fp[..., -1]
    return ratio(_dot(c.step_fp, c.tp) - _dot(c.step_fp, c.step_tp) / 2, pairs)


def areas_pr(c: Counts) -> tuple[Floats, Floats]:
    """Average precision and trapezoid area under precision-recall, each float[...]; NaN without positives."""
    precision = _precision(c)
    total = c.tp[..., -1]
    stepped = _dot(c.step_tp, precision)
    # The left ends of the trapezoids: precision one score earlier, and 1 before the first.
    before = c.step_tp[..., 0] + _dot(c.step_tp[..., 1:], precision[..., :-1])
    return ratio(stepped, total), ratio((stepped + before) / 2, total)


def equal_error(c: Counts) -> Floats:
    """Rate at which false alarms equal misses, float[...], by a straight line between neighbouring points."""
    positives, negatives = c.tp[..., -1:], c.fp[..., -1:]
    # False alarms minus misses, times both class sizes: rises from -PN at "none" to +PN at "all".
    gap = c.fp * positives + (c.tp - positives) * negatives
    right = np.argmax(gap >= 0, axis=-1)[..., None]
    left = np.maximum(right - 1, 0)
    first = right == 0
    gap_right, fp_right = (np.take_along_axis(part, right, -1) for part in (gap, c.fp))
    gap_left = np.where(first, -positives * negatives, np.take_along_axis(gap, left, -1))
    fp_left = np.where(first, 0.0, np.take_along_axis(c.fp, left, -1))
    share = ratio(-gap_left, gap_right - gap_left)
    value = ratio(fp_left + share * (fp_right - fp_left), negatives)
    return np.asarray(np.where(positives > 0, value, np.nan)[..., 0])


def roc_curve(
    positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return (false-positive rate, true-positive rate, thresholds), each float[T+1], from (0, 0) to (1, 1).

    A rate whose class is absent is NaN. The first threshold is infinity. Source: Fawcett 2006, algorithm 1.
    """
    ranking = rank(positives, scores)
    c = count(ranking, weights)
    fpr, tpr = (_from_zero(ratio(n, n[-1:])) for n in (c.fp, c.tp))
    return fpr, tpr, np.concatenate([[np.inf], ranking.thresholds])


def precision_recall_curve(
    positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return (precision, recall, thresholds), each float[T+1], recall rising from 0 (where precision is 1).

    Straight lines between these points are optimistic (Davis & Goadrich 2006); `average_precision` avoids
    them, `pr_auc` follows them.
    """
    ranking = rank(positives, scores)
    c = count(ranking, weights)
    precision = np.concatenate([[1.0], _precision(c)])
    return precision, _from_zero(ratio(c.tp, c.tp[-1:])), np.concatenate([[np.inf], ranking.thresholds])


def det_curve(
    positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return (false-positive rate, false-negative rate, thresholds), each float[T+1] (ISO/IEC 19795-1)."""
    fpr, tpr, thresholds = roc_curve(positives, scores, weights)
    return fpr, 1 - tpr, thresholds


def roc_auc(positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Return the chance that a positive outranks a negative, ties half; None without both classes."""
    return _scalar(area_roc, positives, scores, weights)


def average_precision(positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Return the average precision (no interpolation); None without positives."""
    return _scalar(lambda c: areas_pr(c)[0], positives, scores, weights)


def pr_auc(positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Return the trapezoid area under the precision-recall curve; None without positives."""
    return _scalar(lambda c: areas_pr(c)[1], positives, scores, weights)


def equal_error_rate(positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Return the equal error rate (ISO/IEC 19795-1, interpolated); None without both classes."""
    return _scalar(equal_error, positives, scores, weights)


def _scalar(area: Any, positives: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> float | None:
    ranking = rank(positives, scores)
    if not len(ranking.order):
        return None
    value = float(area(count(ranking, weights)))
    return value if np.isfinite(value) else None


def _precision(c: Counts) -> Floats:
    # Before any weight has been seen the curve still stands at its start, where precision is 1 by convention.
    seen = c.tp + c.fp
    return np.asarray(np.divide(c.tp, seen, out=np.ones_like(seen), where=seen > 0))


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("...t,...t->...", a, b))


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide with broadcasting; NaN where the divisor is not above zero."""
    above, below = np.broadcast_arrays(above, below)
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0))


def _from_zero(values: Floats) -> Floats:
    return np.concatenate([[0.0], values])
