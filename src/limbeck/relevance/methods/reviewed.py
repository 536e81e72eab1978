"""Fifty to two hundred labels, shrunk towards what was known without them.

So few labels cannot fit K weights and a threshold from nothing, but they can correct the label-free answer: its
log-odds are an offset, and Gaussian priors hold each teacher's extra weight (precision 5) and the classes' bias
(0.3) to zero, so no label leaves the answer as it was and every label moves it a little. Per-teacher accuracies are
Beta posteriors worth 20 labels before the first (Gelman et al. 2013, section 2.4; Raykar et al. 2010 use the same
priors on observers).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.metrics.logits import softmax
from limbeck.relevance.distinct_teachers import Voters, near_voters
from limbeck.relevance.expected_accuracy import accuracy_estimate
from limbeck.relevance.methods.agreement import lone
from limbeck.relevance.models import one_factor
from limbeck.relevance.models.logistic import minimise
from limbeck.relevance.probabilities import FLOOR, Floats, Fused, Ints, checked, fused, logit, vote_shares

WORTH = 20.0  # labels that the label-free accuracy of a teacher counts for
_HOLD_WEIGHTS, _HOLD_BIAS = 5.0, 0.3  # 5 beat 10 and 20 with 50, 100 and 200 labels on ten review domains
_SPREAD = 2.5  # log-odds of the label-free answer vary by at most this much, so that labels can still move them


def reviewed(P: ArrayLike, rows: ArrayLike, labels: ArrayLike, base: Fused) -> Fused:
    """Correct a label-free result with some rows' true classes.

    Parameters
    ----------
    P
        float[K, N, C], NaN rows abstain.
    rows, labels
        int[n] in 0..N-1 without repeats, and int[n] in 0..C-1. None give ``base`` back with accuracies for relevance.
    base
        The label-free result of the same answers, by any calculator.

    Returns
    -------
    Fused
        Probabilities, in which reviewed rows are their label for certain, and relevance float64[K]: each teacher's
        accuracy, ``(20 * estimate + right) / (20 + n)``.

    Raises
    ------
    LimbeckError
        For answers that are not probabilities, rows or labels out of range, or a base of another shape.
    """
    P = checked(P)
    rows, labels = _checked_labels(P, rows, labels)
    accuracy = teacher_accuracy(P, rows, labels, base)
    voters = near_voters(P)
    if not len(rows):
        return Fused(base.probabilities, accuracy, base.notes)
    Q = lone(voters).probabilities if len(voters.members) == 1 else _corrected(voters, rows, labels, base)
    Q = Q.copy()
    # The correction is for answers; a row that nobody answered gets the average of the corrected others.
    silent: NDArray[np.bool_] = np.asarray(np.isnan(P[:, :, 0]).all(axis=0))
    others = np.logical_not(silent)
    others[rows] = False
    if others.any():
        Q[silent] = Q[others].mean(axis=0)
    Q[rows] = np.eye(P.shape[2])[labels]
    return fused(Q, accuracy, (*base.notes, message("teachers.reviewed", count=len(rows))))


def teacher_accuracy(P: Floats, rows: Ints, labels: Ints, base: Fused) -> Floats:
    """Return float64[K]: label-free accuracies moved towards what the labels say; never answered is 1 / C."""
    estimate = accuracy_estimate(P, base).estimate
    estimate = np.where(np.isnan(estimate), 1 / P.shape[2], estimate)
    seen = ~np.isnan(P[:, rows, 0])
    right = np.array([vote_shares(a[rows])[np.arange(len(rows)), labels].sum() for a in P])
    return np.asarray((WORTH * estimate + right) / (WORTH + seen.sum(axis=1)))


def _corrected(voters: Voters, rows: Ints, labels: Ints, base: Fused) -> Floats:
    """Return the posterior mode's probabilities float64[N, C]."""
    answers = voters.answers
    G, N, C = answers.shape
    offset = _log_odds(base.probabilities)
    width = 1 if C == 2 else C
    fitted = one_factor.fit(answers)

    def standardised(g: int, c: int, at: Ints | slice) -> Floats:
        z = logit(answers[g, at], c if width > 1 else 1)
        return np.asarray(np.nan_to_num(np.clip((z - fitted.centre[g, c]) / fitted.scale[g, c], -5, 5)))

    A = np.stack([np.stack([standardised(g, c, rows) for g in range(G)], axis=1) for c in range(width)])
    truth = np.eye(C)[labels]
    start = offset[rows]
    hold = np.hstack([np.full((width, G), _HOLD_WEIGHTS), np.full((width, 1), _HOLD_BIAS)])

    def loss(v: Floats) -> tuple[float, Floats]:
        W = v.reshape(width, G + 1)
        z = start + _both(np.stack([A[c] @ W[c, :G] + W[c, G] for c in range(width)], axis=1))
        q = softmax(z)
        value = -np.log(np.maximum((q * truth).sum(axis=1), 1e-300)).sum() + (hold * W * W).sum() / 2
        slope = (q - truth)[:, -width:]
        by_weight = np.stack([np.append(slope[:, c] @ A[c], slope[:, c].sum()) for c in range(width)])
        return float(value), (by_weight + hold * W).ravel()

    W = minimise(loss, np.zeros(width * (G + 1))).reshape(width, G + 1)
    extra = np.tile(W[:, G], (N, 1))
    for c in range(width):
        for g in range(G):
            extra[:, c] += W[c, g] * standardised(g, c, slice(None))
    return softmax(offset + _both(extra))


def _log_odds(Q: Floats) -> Floats:
    """Return centred log-probabilities float64[N, C] whose spread is at most 2.5 (as log-odds of two classes)."""
    z = np.log(np.maximum(Q, FLOOR))
    z = z - z.mean(axis=1, keepdims=True)
    spread = 2 * float(z.std(axis=0).max())
    return np.asarray(z * min(1.0, _SPREAD / max(spread, 1e-9)))


def _both(z: Floats) -> Floats:
    """Return log-odds [N, 1] of the second of two classes as [N, 2]; more classes as they are."""
    return np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z


def _checked_labels(P: Floats, rows: ArrayLike, labels: ArrayLike) -> tuple[Ints, Ints]:
    rows, labels = np.asarray(rows), np.asarray(labels)
    if rows.size == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if rows.shape != labels.shape or rows.ndim != 1 or rows.dtype.kind not in "iu" or labels.dtype.kind not in "iu":
        raise LimbeckError("reviewed rows and labels must be two lists of whole numbers of one length")
    if rows.min() < 0 or rows.max() >= P.shape[1] or len(np.unique(rows)) < len(rows):
        raise LimbeckError(f"reviewed rows must be different and in 0..{P.shape[1] - 1}", where="rows")
    if labels.min() < 0 or labels.max() >= P.shape[2]:
        raise LimbeckError(f"reviewed labels must be in 0..{P.shape[2] - 1}", where="labels")
    return rows.astype(np.int64), labels.astype(np.int64)
