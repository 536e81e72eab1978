"""Temperature and threshold, each fitted on held-out rows, never on test.

The temperature follows Guo et al. 2017, "On Calibration of Modern Neural Networks": one positive number that
divides the logits, so no decision of the likeliest class changes. The threshold is bagged (Breiman 1996):
the best cut of one small validation set is mostly noise, the median best cut over its resamples much less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.metrics import bootstrap as summary
from limbeck.metrics import curves
from limbeck.metrics.curves import Floats
from limbeck.metrics.operating_points import for_sensitivity
from limbeck.recipe import Sensitivity

RULES = ("macro_f1", "f1", "accuracy", "eer")
_COLDEST, _HOTTEST = 0.05, 20.0
_RESAMPLES = 200


def fit_temperature(logits: ArrayLike, y: ArrayLike) -> float:
    """Return the temperature in [0.05, 20] that minimises the NLL of ``softmax(logits / T)``.

    logits float[N, C], y int64[N]; no rows give 1. Minimised over log T with a standard normal prior, which
    weighs less than one row: without it a handful of rows that are all right would ask for certainty.

    Raises
    ------
    LimbeckError
        When a logit is not a number.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.int64)
    if not np.isfinite(z).all():
        raise LimbeckError("a logit is not a number", fix="the model is broken; lower the learning rate")
    if not len(y):
        return 1.0
    z = z - z.max(axis=1, keepdims=True)
    told = z[np.arange(len(y)), y]

    def loss(log_t: float) -> float:
        beta = np.exp(-log_t)
        return float(np.log(np.exp(z * beta).sum(axis=1)).sum() - told.sum() * beta + log_t**2 / 2)

    # NLL has one valley in 1/T, hence in log T; the grid brackets it even where the prior bends it.
    grid = np.linspace(np.log(_COLDEST), np.log(_HOTTEST), 25)
    best = int(np.argmin([loss(t) for t in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(np.exp(golden_section(loss, float(low), float(high))))


def golden_section(loss: Callable[[float], float], low: float, high: float, *, width: float = 1e-5) -> float:
    """Return the minimiser of a one-valley function on [low, high], to ``width``."""
    shrink = (np.sqrt(5) - 1) / 2
    a, b = high - shrink * (high - low), low + shrink * (high - low)
    at_a, at_b = loss(a), loss(b)
    while high - low > width:
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - shrink * (high - low)
            at_a = loss(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + shrink * (high - low)
            at_b = loss(b)
    return (low + high) / 2


def choose_threshold(
    y: ArrayLike,
    p: ArrayLike,
    rule: str | float | Sensitivity = "macro_f1",
    positive: int | None = None,
    *,
    seed: int = 0,
) -> float:
    """Return a threshold for ``p[:, positive]``, half-way between two neighbouring scores.

    In each of 200 bootstrap resamples the best cut is the middle of the plateau that holds the best value of
    the rule; the median of these is the answer, moved to the middle of the gap between scores it falls into.

    Parameters
    ----------
    y, p
        int64[N] and float[N, C]; more than two classes have no threshold and give 0.5.
    rule
        "macro_f1", "f1" and "accuracy" are maximised, "eer" makes false alarms and misses equal; a number
        is taken as it is, a `Sensitivity` asks for `operating.for_sensitivity`. Rows of a single class give 0.5.

    Raises
    ------
    LimbeckError
        For an unknown rule or a number outside 0..1.
    """
    if isinstance(rule, Sensitivity):
        return for_sensitivity(y, p, rule.sensitivity, positive)
    if not isinstance(rule, str):
        if not 0 <= rule <= 1:
            raise LimbeckError(f"the threshold {rule} is not between 0 and 1")
        return float(rule)
    if rule not in RULES:
        raise LimbeckError(f"unknown threshold rule {rule!r}", fix=did_you_mean(rule, RULES))
    y, p = np.asarray(y, dtype=np.int64), np.asarray(p, dtype=np.float64)
    one = 1 if positive is None else positive
    truth = y == one
    if p.shape[1] != 2 or truth.all() or not truth.any():
        return 0.5
    ranking = curves.rank(truth, p[:, one])
    cuts = _cuts(ranking.thresholds)
    middles = [
        _middles(value, ranking.thresholds)
        for weights in summary.resamples(len(y), None, _RESAMPLES, seed)
        for value in (_values(curves.count(ranking, weights), rule),)
    ]
    median = float(np.nanmedian(np.concatenate(middles)))
    return float(cuts[np.searchsorted(-ranking.thresholds, -median, side="left")])


def _cuts(thresholds: Floats) -> Floats:
    """Return the T+1 places between T falling scores: above all, each gap's middle, below all."""
    ends = np.concatenate([[max(1.0, float(thresholds[0]))], thresholds, [min(0.0, float(thresholds[-1]))]])
    return np.asarray((ends[:-1] + ends[1:]) / 2)


def _values(c: curves.Counts, rule: str) -> Floats:
    """Return the rule's value float[B, T+1] when the k best-scored distinct scores are called positive."""
    zero = np.zeros_like(c.tp[..., :1])
    tp, fp = (np.concatenate([zero, part], axis=-1) for part in (c.tp, c.fp))
    positives, negatives = tp[..., -1:], fp[..., -1:]
    fn, tn = positives - tp, negatives - fp
    if rule == "accuracy":
        return np.asarray(curves.ratio(tp + tn, positives + negatives))
    if rule == "eer":
        return np.asarray(-np.abs(curves.ratio(fp, negatives) - curves.ratio(fn, positives)))
    f1 = curves.ratio(2 * tp, 2 * tp + fp + fn)
    if rule == "f1":
        return np.asarray(f1)
    return np.asarray((f1 + curves.ratio(2 * tn, 2 * tn + fp + fn)) / 2)


def _middles(values: Floats, thresholds: Floats) -> Floats:
    """Return float[B]: the middle, in score, of the run of best values around the first best cut."""
    ends = np.concatenate([[max(1.0, float(thresholds[0]))], thresholds, [min(0.0, float(thresholds[-1]))]])
    usable = np.isfinite(values).all(axis=-1)  # a resample may lack one class
    values = np.where(np.isfinite(values), values, -np.inf)
    first = values.argmax(axis=-1)
    best = values >= np.take_along_axis(values, first[:, None], -1) - 1e-12
    falls = ~best & (np.arange(values.shape[1]) > first[:, None])
    last = np.where(falls.any(axis=-1), falls.argmax(axis=-1), values.shape[1]) - 1
    return np.asarray(np.where(usable, (ends[first] + ends[last + 1]) / 2, np.nan))
