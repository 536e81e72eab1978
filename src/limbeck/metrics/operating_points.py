"""Where on the ROC curve a classifier works: what each threshold misses and flags, and which misses little enough.

Sensitivity, specificity and the predictive values as in ISO 14155 and STARD 2015 (Bossuyt et al.): PPV and NPV hold for
the share of positives among these rows, and for no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck.metrics import curves

SWEPT = (0.80, 0.85, 0.90, 0.95, 0.975, 0.99)  # sensitivities that the table shows, and as specificities again


def for_sensitivity(y: ArrayLike, p: ArrayLike, sensitivity: float, positive: int | None = None) -> float:
    """Return the highest threshold of ``p[:, positive]`` that finds this share of the positive rows.

    It lies half-way to the next lower score, so that scores that moved by a rounding stay on their side. y int64[N],
    p float[N, 2]; more than two classes, or rows of one class alone, give 0.5.
    """
    y, p = np.asarray(y, dtype=np.int64), np.asarray(p, dtype=np.float64)
    one = 1 if positive is None else positive
    truth = y == one
    if p.shape[1] != 2 or truth.all() or not truth.any():
        return 0.5
    scores = np.sort(p[truth, one])[::-1]
    last = scores[int(np.ceil(sensitivity * len(scores) - 1e-9)) - 1]
    lower = p[p[:, one] < last, one]
    return float((last + lower.max()) / 2) if len(lower) else float(last / 2)


def sweep(
    y: ArrayLike, p: ArrayLike, threshold: float, positive: int | None = None, wanted: Sequence[float] = SWEPT
) -> list[dict[str, Any]]:
    """Return the table of operating points of two classes, by rising threshold; none for more classes.

    Each is a dict of threshold, sensitivity, specificity, ppv, npv (None where undefined), flagged (share of rows), and
    ``used``, true for the threshold in use. Points are those that reach each wanted sensitivity, and each as
    specificity.
    """
    y, p = np.asarray(y, dtype=np.int64), np.asarray(p, dtype=np.float64)
    one = 1 if positive is None else positive
    truth = y == one
    if p.shape[1] != 2 or truth.all() or not truth.any():
        return []
    fpr, tpr, cuts = curves.roc_curve(truth, p[:, one])
    places = {int(np.argmax(tpr >= share)) for share in wanted}
    places |= {len(fpr) - 1 - int(np.argmax((1 - fpr)[::-1] >= share)) for share in wanted}
    points = {round(float(cuts[at]), 12): False for at in places if np.isfinite(cuts[at])}
    rows = [_point(truth, p[:, one], cut, used=False) for cut in points]
    rows.append(_point(truth, p[:, one], threshold, used=True))
    return sorted(rows, key=lambda row: (row["threshold"], row["used"]))


def _point(truth: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], cut: float, *, used: bool) -> dict[str, Any]:
    called = scores >= cut - 1e-12
    tp, fp = int((called & truth).sum()), int((called & ~truth).sum())
    fn, tn = int((~called & truth).sum()), int((~called & ~truth).sum())

    def share(above: int, below: int) -> float | None:
        return above / below if below else None

    return {
        "threshold": float(cut), "sensitivity": share(tp, tp + fn), "specificity": share(tn, tn + fp),
        "ppv": share(tp, tp + fp), "npv": share(tn, tn + fn), "flagged": float(called.mean()), "used": used,
    }  # fmt: skip
