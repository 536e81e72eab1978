"""Every metric as a function of row weights, so that the estimate and its bootstrap are one piece of code.

`prepare` sorts and tabulates once; `summarise` then turns weights[B, N] into one value a metric and
resample. Weights of one give the estimate itself; counts of a draw with replacement give a resample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.events import check
from limbeck.metrics import curves
from limbeck.metrics.curves import Floats, Ranking

BINS = 15
# Macro averages go through every class in every resample; so many row-class-resample cells take some 2 s.
_RANKING_CELLS = 60_000_000
_FEWEST_RESAMPLES = 200
RANKING = ("roc_auc", "eer", "ap", "pr_auc")


@dataclass(frozen=True)
class Prepared:
    """What does not depend on the weights."""

    n: int
    classes: int
    positive: int | None  # None: averages over classes, one against the rest
    by_cell: NDArray[np.int64]  # int64[N], rows sorted by their cell y * C + prediction
    cells: NDArray[np.int64]  # int64[M], the cells that occur, rising
    starts: NDArray[np.int64]  # int64[M], where each begins in by_cell
    losses: Floats  # float[N, 2 + BINS]: Brier, log loss, and confidence minus hit in the row's bin
    rankings: tuple[Ranking, ...]


def prepare(y: NDArray[np.int64], p: Floats, predicted: NDArray[np.int64], positive: int | None) -> Prepared:
    """Tabulate rows for `summarise`; y and predicted int64[N], p float[N, C]."""
    n, classes = p.shape
    ranked = range(classes) if positive is None else (positive,)
    rankings = tuple(curves.rank(y == k, p[:, k]) for k in ranked) if n else ()
    bins, gap = calibration_gaps(y, p)
    losses = np.zeros((n, 2 + BINS))
    losses[:, 0] = brier_rows(y, p, positive)
    losses[:, 1] = log_loss_rows(y, p)
    losses[np.arange(n), 2 + bins] = gap
    cell = y * classes + predicted
    by_cell = np.argsort(cell, kind="stable")
    cells, starts = np.unique(cell[by_cell], return_index=True)
    return Prepared(n, classes, positive, by_cell, cells, starts, losses, rankings)


def summarise(prepared: Prepared, weights: Floats, *, ranking: bool = True) -> dict[str, Floats]:
    """Return each metric as float[B] for weights float[B, N]; NaN where it is undefined."""
    values = of_confusion(tally(prepared, weights), prepared.positive)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    means = (weights @ prepared.losses) / total[:, None]
    values["brier"], values["log_loss"] = means[:, 0], means[:, 1]
    values["ece"] = np.abs(means[:, 2:]).sum(axis=1)
    if ranking and prepared.rankings:
        found: dict[str, list[Floats]] = {name: [] for name in RANKING}
        for one in prepared.rankings:
            counts = curves.count(one, weights)
            areas = (curves.area_roc(counts), curves.equal_error(counts), *curves.areas_pr(counts))
            for name, area in zip(RANKING, areas, strict=True):
                found[name].append(area)
        values |= {name: mean_of_defined(np.stack(parts, axis=1)) for name, parts in found.items()}
    return values


def tally(prepared: Prepared, weights: Floats) -> Floats:
    """Return the confusion matrices float[B, C, C], rows the truth, of weights float[B, N]."""
    c = prepared.classes
    table = np.zeros((len(weights), c * c))
    table[:, prepared.cells] = np.add.reduceat(np.take(weights, prepared.by_cell, axis=1), prepared.starts, axis=1)
    return table.reshape(-1, c, c)


def of_confusion(table: Floats, positive: int | None) -> dict[str, Floats]:
    """Return the metrics that a confusion matrix decides, each float[B], of table float[B, C, C].

    With two classes precision, recall and F1 are those of ``positive``; with more they are macro averages
    over the classes that occur in the truth or the predictions (an undefined part counts 0, as in
    scikit-learn). MCC after Gorodkin 2004.
    """
    classes = table.shape[1]
    hit = np.einsum("bkk->bk", table)
    truth, said, total = table.sum(axis=2), table.sum(axis=1), table.sum(axis=(1, 2))
    precision, recall = curves.ratio(hit, said), curves.ratio(hit, truth)
    f1 = curves.ratio(2 * hit, truth + said)
    fpr = curves.ratio(said - hit, total[:, None] - truth)
    occurs = (truth + said) > 0

    def macro(part: Floats) -> Floats:
        return mean_of_defined(np.where(occurs, np.nan_to_num(part), np.nan))

    one = 1 if positive is None else positive
    binary = classes == 2
    return {
        "accuracy": curves.ratio(hit.sum(axis=1), total),
        "precision": precision[:, one] if binary else macro(precision),
        "recall": recall[:, one] if binary else macro(recall),
        "f1": f1[:, one] if binary else macro(f1),
        "macro_f1": macro(f1),
        "fpr": fpr[:, one] if binary or positive is not None else mean_of_defined(fpr),
        "balanced_accuracy": mean_of_defined(recall),
        "mcc": _mcc(hit, truth, said, total),
    }


def resamples(n: int, groups: ArrayLike | None, size: int, seed: int, *, cells: int = 100_000) -> Iterator[Floats]:
    """Yield ``size`` bootstrap weightings in blocks float[b, N] of ``cells`` numbers (what a cache holds).

    Rows, or whole groups when ``groups`` (N labels of any kind) is given, are drawn with replacement.
    """
    rng = np.random.default_rng(seed)
    member = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = n if member is None else int(member.max()) + 1
    block = max(1, cells // max(n, 1))
    for start in range(0, size, block):
        check()
        b = min(block, size - start)
        # Counting drawn indices gives multinomial weights many times faster than drawing binomials.
        drawn = rng.integers(0, units, size=(b, units)) + np.arange(b)[:, None] * units
        weights = np.bincount(drawn.ravel(), minlength=b * units).reshape(b, units).astype(np.float64)
        yield weights if member is None else weights[:, member]


def ranked_resamples(prepared: Prepared, size: int) -> int:
    """Return how many of ``size`` resamples the ranking metrics get: all for one ranking, else at least 200."""
    rankings = len(prepared.rankings)
    if rankings <= 1:
        return size
    return min(size, max(_FEWEST_RESAMPLES, _RANKING_CELLS // (prepared.n * rankings)))


def interval(values: Floats) -> list[float] | None:
    """Return the 95 % percentile interval of resampled values float[B]; None when most are undefined."""
    defined = values[np.isfinite(values)]
    if len(defined) * 2 <= len(values):
        return None
    low, high = np.percentile(defined, [2.5, 97.5])
    return [float(low), float(high)]


def calibration_gaps(y: NDArray[np.int64], p: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return (bin int64[N], confidence minus hit float[N]) of the likeliest class, in 15 equal-mass bins.

    Rows of equal confidence share a bin, so that the result does not depend on the order of the rows.
    """
    confidence = p.max(axis=1)
    hit = p.argmax(axis=1) == y
    below = np.searchsorted(np.sort(confidence), confidence, side="left")
    return below * BINS // max(len(y), 1), confidence - hit


def brier_rows(y: NDArray[np.int64], p: Floats, positive: int | None) -> Floats:
    """Return each row's Brier score float[N]: of the positive class, or summed over more than two classes."""
    n, classes = p.shape
    squares = (p - (np.arange(classes) == y[:, None])) ** 2
    one = 1 if positive is None else positive
    return np.asarray(squares[:, one] if classes == 2 else squares.sum(axis=1)).reshape(n)


def log_loss_rows(y: NDArray[np.int64], p: Floats) -> Floats:
    """Return each row's negative log-likelihood float[N], in nats, floored at the precision of ``p``."""
    told = p[np.arange(len(y)), y]
    return np.asarray(-np.log(np.clip(told, np.finfo(p.dtype).eps, 1.0)), dtype=np.float64)


def mean_of_defined(parts: Floats) -> Floats:
    """Return the mean over the last axis, float[B, K] -> float[B], leaving NaN out; NaN when none is left."""
    known = np.isfinite(parts)
    return curves.ratio(np.where(known, parts, 0.0).sum(axis=-1), known.sum(axis=-1))


def _mcc(hit: Floats, truth: Floats, said: Floats, total: Floats) -> Floats:
    cov = hit.sum(axis=1) * total - (truth * said).sum(axis=1)
    spread = (total**2 - (said**2).sum(axis=1)) * (total**2 - (truth**2).sum(axis=1))
    return curves.ratio(cov, np.sqrt(np.maximum(spread, 0.0)))
