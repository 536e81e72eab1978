"""How good answers with several labels a row are: truth and decisions bool [N, L] in, figures out.

Definitions as in Tsoumakas, Katakis & Vlahavas 2010, "Mining multi-label data", section 7: micro-F1 counts all cells
alike, macro-F1 all labels alike, subset accuracy only rows that are right in every label, Hamming loss the share of
wrong cells. A label that neither occurs nor is ever given has no F1 and stays out of the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.metrics import bootstrap as summary
from limbeck.metrics import curves
from limbeck.metrics.curves import Floats

Bools = NDArray[np.bool_]
NAMES = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss")
BINS = 15


def measure_labels(
    truth: ArrayLike,
    p: ArrayLike,
    thresholds: ArrayLike,
    names: Sequence[str],
    *,
    bootstrap: int = 1000,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return every figure of probabilities p float[N, L] for truth bool[N, L] at thresholds float[L].

    Returns
    -------
    dict
        ``n``, the figures of `NAMES`, ``micro_precision``, ``micro_recall``, ``map`` (mean average precision of the
        labels that occur), ``ece`` (of all cells), ``labels_per_row`` and ``given_per_row``, ``per_label`` with
        ``support``, ``given``, ``precision``, ``recall``, ``f1``, ``ap``, ``threshold`` of each label,
        ``confidence_intervals`` of `NAMES` (95 %, percentile bootstrap of rows or groups), ``classes``, ``thresholds``.

    Raises
    ------
    LimbeckError
        When shapes do not fit, or a probability is not a number.
    """
    y, p, cuts = np.asarray(truth, dtype=bool), np.asarray(p), np.asarray(thresholds, dtype=np.float64)
    if y.shape != p.shape or p.ndim != 2 or cuts.shape != (len(names),) or p.shape[1] != len(names):
        raise LimbeckError(f"probabilities of shape {p.shape} do not fit labels of shape {y.shape}")
    if not np.isfinite(p).all():
        raise LimbeckError("a probability is not a number", fix="the model is broken")
    said = p >= cuts.astype(p.dtype)
    counts = _counts(y, said)
    ones = np.ones((1, len(y)))
    point = {name: float(value[0]) for name, value in _figures(counts, ones).items()} if len(y) else {}
    tp, given, support = (part.sum(axis=0) for part in counts)
    aps = [_average_precision(y[:, at], p[:, at]) for at in range(len(names))]
    known = [ap for ap in aps if ap is not None]
    precision, recall, f1 = curves.ratio(tp, given), curves.ratio(tp, support), curves.ratio(2 * tp, given + support)
    return {
        "n": len(y),
        **{name: _plain(point.get(name)) for name in NAMES},
        "micro_precision": _plain(curves.ratio(tp.sum(), given.sum())),
        "micro_recall": _plain(curves.ratio(tp.sum(), support.sum())),
        "map": float(np.mean(known)) if known else None,
        "ece": cell_calibration_error(y, p) if len(y) else None,
        "labels_per_row": float(y.sum(axis=1).mean()) if len(y) else None,
        "given_per_row": float(said.sum(axis=1).mean()) if len(y) else None,
        "per_label": {
            name: {
                "support": int(support[at]), "given": int(given[at]), "precision": _plain(precision[at]),
                "recall": _plain(recall[at]), "f1": _plain(f1[at]), "ap": aps[at], "threshold": float(cuts[at]),
            }
            for at, name in enumerate(names)
        },
        "confidence_intervals": _intervals(counts, point, bootstrap, groups, seed) if len(y) else {},
        "thresholds": {name: float(cut) for name, cut in zip(names, cuts, strict=True)},
        "classes": list(names),
    }  # fmt: skip


def f1_scores(truth: ArrayLike, said: ArrayLike) -> tuple[float, float]:
    """Return micro-F1 and macro-F1 of decisions bool[N, L]; NaN where nothing is there to find."""
    found = _figures(_counts(np.asarray(truth, dtype=bool), np.asarray(said, dtype=bool)), np.ones((1, len(truth))))  # type: ignore[arg-type]
    return float(found["micro_f1"][0]), float(found["macro_f1"][0])


def cell_calibration_error(truth: Bools, p: NDArray[Any]) -> float:
    """Return the expected calibration error of all cells of bool[N, L] and float[N, L], in 15 equal-mass bins."""
    y, q = truth.ravel(), p.ravel().astype(np.float64)
    below = np.searchsorted(np.sort(q), q, side="left") * BINS // len(q)
    gap = np.bincount(below, weights=q - y, minlength=BINS)
    return float(np.abs(gap).sum() / len(q))


def _counts(y: Bools, said: Bools) -> tuple[Floats, Floats, Floats]:
    """Return hits, labels given and labels that are there, float64 [N, L]."""
    return (y & said).astype(np.float64), said.astype(np.float64), y.astype(np.float64)


def _figures(counts: tuple[Floats, Floats, Floats], weights: Floats) -> dict[str, Floats]:
    """Return the figures of `NAMES`, float[B], of rows weighted float[B, N]."""
    hits, given, there = counts
    tp, said, truth = (weights @ part for part in counts)
    f1 = curves.ratio(2 * tp, said + truth)
    wrong = (given + there - 2 * hits).sum(axis=1)
    total = weights.sum(axis=1)
    return {
        "micro_f1": curves.ratio(2 * tp.sum(axis=1), (said + truth).sum(axis=1)),
        "macro_f1": summary.mean_of_defined(f1),
        "subset_accuracy": curves.ratio(weights @ (wrong == 0), total),
        "hamming_loss": curves.ratio(weights @ wrong, total * hits.shape[1]),
    }


def _intervals(
    counts: tuple[Floats, Floats, Floats], point: dict[str, float], size: int, groups: ArrayLike | None, seed: int
) -> dict[str, list[float]]:
    if size <= 0 or (groups is not None and len(set(np.asarray(groups).tolist())) < 2):
        return {}
    found: dict[str, list[Floats]] = {name: [] for name in NAMES}
    for weights in summary.resamples(len(counts[0]), groups, size, seed):
        for name, value in _figures(counts, weights).items():
            found[name].append(value)
    spans = {name: summary.interval(np.concatenate(parts)) for name, parts in found.items()}
    return {name: span for name, span in spans.items() if span is not None and np.isfinite(point[name])}


def _average_precision(truth: Bools, scores: NDArray[Any]) -> float | None:
    return curves.average_precision(truth, scores) if truth.any() else None


def _plain(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
