"""Dawid & Skene 1979, "Maximum likelihood estimation of observer error-rates using the EM algorithm".

Each teacher has a confusion matrix and errs independently of the others given the true class. Their answers are
soft: a probability counts as that fraction of a vote (Raykar et al. 2010 learn from crowds in the same way), which
for one-hot answers is exactly the paper's model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.metrics.logits import softmax
from limbeck.relevance.distinct_teachers import Voters, near_voters
from limbeck.relevance.probabilities import FLOOR, Floats, checked, entropy, some_rows, weighted_mean

_TIMID = 0.4  # mean entropy, as a share of log C, above which answers are sharpened to it
_SHARPEST = 64.0  # largest power that sharpens
_ROWS = 100_000  # EM runs on a sample of these; all rows then get one E-step


@dataclass(frozen=True)
class Observers:
    """``confusion`` float64[K, C, C], row the true class and column the answer; ``prior`` float64[C];
    ``posterior`` float64[N, C], NaN where nobody answered; ``iterations`` of EM.
    """

    confusion: Floats
    prior: Floats
    posterior: Floats
    iterations: int


def dawid_skene(
    P: ArrayLike,
    *,
    smoothing: float = 1.0,
    iterations: int = 100,
    tolerance: float = 1e-5,
    voters: Voters | None = None,
) -> Observers:
    """Estimate every teacher's confusion matrix, the class rates and each row's class by EM in log space.

    Parameters
    ----------
    P
        float[K, N, C], NaN rows abstain. Copies of a teacher are one observer (``near_voters``), and get one matrix.
    smoothing
        Answers added to every cell of a confusion matrix, and to every class's count, before dividing.
    iterations, tolerance
        EM stops when no posterior of the sample moves by more than the tolerance.
    voters
        The grouping, where the caller has it.

    Raises
    ------
    LimbeckError
        For answers that are not probabilities, or a smoothing that is not above zero.
    """
    P = checked(P)
    if not smoothing > 0:
        raise LimbeckError("smoothing must be above 0, or an answer never given has no logarithm", where="smoothing")
    voters = voters or near_voters(P)
    A = voters.answers
    sample = np.nan_to_num(A[:, some_rows(A.shape[1], _ROWS)].astype(np.float64))
    start = weighted_mean(A[:, some_rows(A.shape[1], _ROWS)], np.ones(len(A)))
    known = ~np.isnan(start[:, 0])
    sample, T = sample[:, known], start[known]
    done, confusion, prior = 0, *_rates(sample, T, smoothing)
    for done in range(1, iterations + 1):  # noqa: B007
        before, T = T, _classes(sample, confusion, prior)
        confusion, prior = _rates(sample, T, smoothing)
        if not len(T) or np.abs(T - before).max() < tolerance:
            break
    posterior = _classes(np.nan_to_num(A), confusion, prior)
    posterior[np.isnan(A[:, :, 0]).all(axis=0)] = np.nan
    return Observers(voters.per_teacher(confusion), prior, posterior, done)


def bold(answers: Floats) -> Floats:
    """Return answers float[N, C] raised to the power at which their mean entropy is 0.4, or as they are if below.

    Timid answers over many classes are fractions that are all near even, and EM over them ends with one class for
    every row.
    """
    known = ~np.isnan(answers[:, 0])
    z = np.log(np.maximum(answers[known].astype(np.float64), FLOOR))
    if not len(z) or entropy(softmax(z)).mean() <= _TIMID:
        return answers
    low, high = 1.0, _SHARPEST
    part = z[some_rows(len(z), 5000)]
    for _ in range(20):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if entropy(softmax(middle * part)).mean() > _TIMID else (low, middle)
    out = np.full(answers.shape, np.nan)
    out[known] = softmax(high * z)
    return out


def informedness(confusion: Floats) -> Floats:
    """Return float64[K]: chance-corrected balanced accuracy of confusion float64[K, C, C].

    1 is always right, 0 is any constant answer, below 0 is worse than chance (Youden 1950 for two classes).
    """
    C = confusion.shape[-1]
    recall = np.diagonal(confusion, axis1=1, axis2=2).mean(axis=1)
    return np.asarray((recall - 1 / C) / (1 - 1 / C))


def _rates(A: Floats, T: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """M-step (equations 2.3 and 2.4): confusion float64[G, C, C] and prior float64[C] from posteriors T[N, C]."""
    counts = np.stack([T.T @ answers for answers in A]) + smoothing
    prior = T.sum(axis=0) + smoothing
    return counts / counts.sum(axis=2, keepdims=True), prior / prior.sum()


def _classes(A: Floats, confusion: Floats, prior: Floats) -> Floats:
    """E-step (equation 2.5) in log space: posteriors float64[N, C] of answers float[G, N, C], zeros to abstain."""
    odds = np.tile(np.log(prior), (A.shape[1], 1))
    for answers, matrix in zip(A, np.log(confusion), strict=True):
        odds += answers @ matrix.T
    odds -= odds.max(axis=1, keepdims=True)
    np.exp(odds, out=odds)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
