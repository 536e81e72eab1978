"""How good a classifier is: single metrics, and `measure`, which gives them all with intervals.

Two classes: the class ``positive`` (default the second) is looked for, and a row is called positive when its
probability reaches the threshold. More classes: the likeliest class is taken; precision, recall and F1 are
macro averages; FPR, ROC AUC, EER, PR AUC and AP are macro one-against-rest averages over the classes for
which they are defined, unless ``positive`` names one class. A value that is undefined is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.metrics import bootstrap as summary
from limbeck.metrics import exact_tests as exact
from limbeck.metrics.curves import (
    Floats,
    average_precision,
    det_curve,
    equal_error_rate,
    pr_auc,
    precision_recall_curve,
    roc_auc,
    roc_curve,
)

__all__ = [
    "average_precision",
    "brier",
    "checked",
    "confusion",
    "decide",
    "det_curve",
    "equal_error_rate",
    "expected_calibration_error",
    "log_loss",
    "measure",
    "pr_auc",
    "precision_recall_curve",
    "reliability",
    "roc_auc",
    "roc_curve",
]

NAMES = (
    "accuracy", "precision", "recall", "f1", "macro_f1", "fpr", "roc_auc", "eer", "pr_auc", "ap",
    "ece", "brier", "log_loss", "balanced_accuracy", "mcc",
)  # fmt: skip


def decide(p: ArrayLike, threshold: float, positive: int | None = None) -> NDArray[np.int64]:
    """Return the decided class int64[N] of p float[N, C].

    Two classes: ``positive`` (default 1) where ``p[:, positive] >= threshold``. More: the likeliest class.
    """
    p = np.asarray(p)
    if p.shape[1] != 2:
        return np.asarray(p.argmax(axis=1), dtype=np.int64)
    one = 1 if positive is None else positive
    return np.where(p[:, one] >= threshold, one, 1 - one).astype(np.int64)


def confusion(y: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return the counts int64[C, C], rows the truth, columns the prediction; y and predicted int64[N]."""
    cells = np.asarray(y, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def expected_calibration_error(y: ArrayLike, p: ArrayLike) -> float | None:
    """Return the mean gap between confidence and accuracy over 15 equal-mass bins; None for no rows.

    Confidence is the probability of the likeliest class (Guo et al. 2017, eq. 3). Equal-mass bins, because
    a good classifier leaves most equal-width bins nearly empty; equal confidences never part.
    """
    y, p = checked(y, p)
    if not len(y):
        return None
    bins, gap = summary.calibration_gaps(y, p)
    return float(np.abs(np.bincount(bins, weights=gap, minlength=summary.BINS)).sum() / len(y))


def reliability(y: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return (mean confidence, accuracy, rows) of each non-empty bin of `expected_calibration_error`."""
    y, p = checked(y, p)
    bins, _ = summary.calibration_gaps(y, p)
    rows = np.bincount(bins, minlength=summary.BINS)
    full = rows > 0
    confidence = np.bincount(bins, weights=p.max(axis=1), minlength=summary.BINS)[full] / rows[full]
    hits = np.bincount(bins, weights=p.argmax(axis=1) == y, minlength=summary.BINS)[full] / rows[full]
    return confidence, hits, rows[full].astype(np.int64)


def brier(y: ArrayLike, p: ArrayLike, positive: int | None = None) -> float | None:
    """Return the Brier score: of the positive class for two classes, summed over classes for more."""
    y, p = checked(y, p)
    return float(summary.brier_rows(y, p, positive).mean()) if len(y) else None


def log_loss(y: ArrayLike, p: ArrayLike) -> float | None:
    """Return the mean negative log-likelihood in nats, floored at the precision of ``p``'s dtype."""
    y, p = checked(y, p)
    return float(summary.log_loss_rows(y, p).mean()) if len(y) else None


def measure(
    y: ArrayLike,
    p: ArrayLike,
    classes: Sequence[str],
    *,
    positive: int | None = None,
    threshold: float = 0.5,
    bootstrap: int = 1000,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return every metric of p float[N, C] on y int64[N], with 95 % bootstrap percentile intervals.

    Parameters
    ----------
    positive
        Index of the class looked for. None: the second of two, or averages over more than two.
    threshold
        Of the positive class's probability, held fixed in the resamples; unused for more than two classes.
    bootstrap
        Resamples; 0 gives no intervals. With more than two classes the ranking metrics may use fewer (never
        under 200) so that many classes stay a matter of seconds.
    groups
        One label a row (patient, user, …): whole groups are drawn, as their rows are not independent. One group
        alone gives no intervals.

    Raises
    ------
    LimbeckError
        When shapes do not fit, a probability is not a number, or ``positive`` is no class.
    """
    names = tuple(classes)
    y, p = checked(y, p, len(names))
    if positive is not None and not 0 <= positive < len(names):
        raise LimbeckError(f"the positive class {positive} is none of the {len(names)} classes")
    one = 1 if positive is None and len(names) == 2 else positive
    predicted = decide(p, threshold, one)
    values: dict[str, Any] = dict.fromkeys(NAMES)
    intervals: dict[str, list[float]] = {}
    if len(y):
        ready = summary.prepare(y, p, predicted, one)
        point = {k: float(v[0]) for k, v in summary.summarise(ready, np.ones((1, len(y)))).items()}
        values |= {k: v if np.isfinite(v) else None for k, v in point.items()}
        intervals = _intervals(ready, point, bootstrap, groups, seed)
    table = confusion(y, predicted, len(names))
    return {
        "n": len(y),
        **values,
        "threshold": float(threshold),
        "confidence_intervals": intervals,
        "confusion": table.tolist(),
        "per_class": _per_class(y, p, table, names),
        "classes": list(names),
        "positive": None if one is None else names[one],
    }


def checked(y: ArrayLike, p: ArrayLike, classes: int | None = None) -> tuple[NDArray[np.int64], Floats]:
    """Return (y int64[N], p float[N, C]) or raise LimbeckError when they do not fit each other."""
    y, p = np.asarray(y), np.asarray(p)
    if not np.issubdtype(p.dtype, np.floating):
        p = p.astype(np.float64)
    if p.ndim != 2 or p.shape[1] < 2 or (classes is not None and p.shape[1] != classes):
        raise LimbeckError(f"probabilities of shape {p.shape} do not fit {classes or 'two or more'} classes")
    if y.shape != p.shape[:1]:
        raise LimbeckError(f"{y.shape[0] if y.ndim else 0} labels for {len(p)} rows of probabilities")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise LimbeckError("a probability is not a number", where=f"row {row}", fix="the model is broken")
    if len(y) and (y.min() < 0 or y.max() >= p.shape[1]):
        raise LimbeckError(f"a label is outside 0..{p.shape[1] - 1}")
    return y.astype(np.int64), p


def _intervals(
    ready: summary.Prepared, point: dict[str, float], size: int, groups: ArrayLike | None, seed: int
) -> dict[str, list[float]]:
    if size <= 0 or (groups is not None and len(set(np.asarray(groups).tolist())) < 2):
        return {}  # whole groups are drawn: of one alone every draw is the same
    ranked = summary.ranked_resamples(ready, size)
    found: dict[str, list[Floats]] = {name: [] for name in NAMES}
    done = 0
    for weights in summary.resamples(ready.n, groups, size, seed):
        for name, value in summary.summarise(ready, weights, ranking=done < ranked).items():
            found[name].append(value)
        done += len(weights)
    intervals = {}
    for name, parts in found.items():
        span = summary.interval(np.concatenate(parts)) if parts and np.isfinite(point[name]) else None
        if span is not None and name == "ece":
            # Resampling adds noise to each bin, which an absolute gap only counts upwards: take that back.
            excess = float(np.concatenate(parts).mean()) - point[name]
            span = [max(0.0, span[0] - excess), max(0.0, span[1] - excess)]
        if span is not None and name == "accuracy":
            units = ready.n if groups is None else len(set(np.asarray(groups).tolist()))
            span = exact.unless_sure(span, point[name], units)
        if span is not None:
            intervals[name] = span
    return intervals


def _per_class(
    y: NDArray[np.int64], p: Floats, table: NDArray[np.int64], names: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    truth, said = table.sum(axis=1), table.sum(axis=0)

    def share(above: Any, below: Any) -> float | None:
        return float(above / below) if below else None

    return {
        name: {
            "precision": share(table[k, k], said[k]),
            "recall": share(table[k, k], truth[k]),
            "f1": share(2 * table[k, k], truth[k] + said[k]),
            "support": int(truth[k]),
            "roc_auc": roc_auc(y == k, p[:, k]),
        }
        for k, name in enumerate(names)
    }
