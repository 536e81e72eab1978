"""What the trust report says without a label: expected accuracies with intervals, and who decided which rows.

If the fused probabilities Q are calibrated, a teacher that names class c on a row is right there with probability
``Q[row, c]``, so its expected accuracy is the mean of that (Platanios et al. 2017 and Jaffe et al. 2015 estimate the
same from agreement). The intervals hold three uncertainties: rows (bootstrap), who happens to be on the panel
(jackknife over voters), and how far such estimates were off where labels could tell (0.045, root mean square over 90
teachers on ten review domains). An error that all teachers share here can still be larger; only labels show that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.relevance.distinct_teachers import near_voters
from limbeck.relevance.probabilities import (
    Floats,
    Fused,
    Ints,
    checked,
    some_rows,
    top_shares,
    vote_shares,
    weighted_mean,
)

_ROWS, _PANEL_ROWS = 50_000, 5000
_RESAMPLES = 200
_Z = 1.96  # 95 %
_MISFIT = 0.045


class Estimate(NamedTuple):
    """An expected accuracy per teacher and its 95 % interval, each float64[K], NaN for one that never answers."""

    estimate: Floats
    low: Floats
    high: Floats


def accuracy_estimate(P: ArrayLike, result: Fused, *, seed: int = 0) -> Estimate:
    """Estimate each teacher's accuracy on the rows it answers, from answers float[K, N, C] and their fused result.

    Of more than 50,000 rows a seeded sample is used; its error is a twentieth of the interval's least width.
    """
    P = checked(P)
    Q = _matching(P, result)
    rows = some_rows(P.shape[1], _ROWS, seed)
    relevance = result.relevance if result.relevance.ndim == 1 else result.relevance[:, rows].mean(axis=1)
    P, Q = P[:, rows], Q[rows]
    chance, seen = _chances(P, Q)
    count = seen.sum(axis=1)
    estimate = np.divide(chance.sum(axis=1), count, out=np.full(len(P), np.nan), where=count > 0)
    error = np.sqrt(_row_variance(chance, seen, seed) + _panel_variance(P, Q, relevance) + _MISFIT**2)
    return Estimate(estimate, np.clip(estimate - _Z * error, 0, 1), np.clip(estimate + _Z * error, 0, 1))


def accuracy_by_class(P: ArrayLike, result: Fused) -> Floats:
    """Return float64[K, C]: each teacher's expected recall of each class, NaN where the class has no rows."""
    P = checked(P)
    Q = _matching(P, result)
    out = np.full((len(P), P.shape[2]), np.nan)
    for k, answers in enumerate(P):
        seen = ~np.isnan(answers[:, 0])
        mass = Q[seen].sum(axis=0)
        hits = (Q[seen] * vote_shares(answers[seen])).sum(axis=0)
        np.divide(hits, mass, out=out[k], where=mass > 1e-9)
    return out


def balanced_accuracy(P: ArrayLike, result: Fused) -> Floats:
    """Return float64[K]: the mean of a teacher's expected recalls, 1 / C for any constant; 0 if it never answers."""
    recall = accuracy_by_class(P, result)
    known = ~np.isnan(recall)
    return np.asarray(np.where(known, recall, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def expected_accuracy(Q: ArrayLike) -> float:
    """Return the mean probability of the likeliest class of Q float[N, C]: the accuracy if Q is calibrated."""
    best = np.asarray(Q, dtype=np.float64).max(axis=1)
    best = best[~np.isnan(best)]
    return float(best.mean()) if len(best) else float("nan")


def calibration_estimate(P: ArrayLike, result: Fused, *, bins: int = 10) -> Floats:
    """Return float64[K]: how far each teacher's confidence is from how often the joined answer would have it right.

    The expected calibration error of Guo et al. 2017 (equation 3) with Q in the place of labels: the mean over bins of
    confidence of |confidence - expected accuracy|, weighted by rows; NaN for one that never answers.
    """
    P = checked(P)
    Q = _matching(P, result)
    out = np.full(len(P), np.nan)
    for k, answers in enumerate(P):
        seen = np.flatnonzero(~np.isnan(answers[:, 0]))
        if not len(seen):
            continue
        confidence = answers[seen].max(axis=1).astype(np.float64)
        right = (Q[seen] * vote_shares(answers[seen])).sum(axis=1)
        place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
        gap = np.bincount(place, confidence - right, minlength=bins)
        out[k] = np.abs(gap).sum() / len(seen)
    return out


def decided(P: ArrayLike, relevance: ArrayLike) -> Ints:
    """Return int64[K]: on how many rows each teacher gave the strongest push towards the class the panel chose.

    P float[K, N, C]; relevance float[K] or [K, N], of which what is below 0 counts as 0. A push is relevance times
    the probability above 1 / C given to the class with the most weighted probability; equal pushes go to the first.
    The counts sum to the rows that somebody with a say answered.
    """
    P = checked(P)
    K, N, C = P.shape
    weight = np.maximum(np.nan_to_num(np.asarray(relevance, dtype=np.float64)), 0)
    if weight.shape not in ((K,), (K, N)):
        raise LimbeckError(f"relevance has the shape {weight.shape}, not ({K},) or ({K}, {N})", where="relevance")
    Q = weighted_mean(P, weight)
    known = ~np.isnan(Q[:, 0])
    chosen = top_shares(np.nan_to_num(Q)) > 0  # several where they tie
    best, who = np.full(N, -np.inf), np.full(N, -1)
    for k, answers in enumerate(P):
        given = np.where(chosen, answers, -np.inf).max(axis=1).astype(np.float64)
        push = np.where(np.isnan(given) | (weight[k] <= 0), -np.inf, weight[k] * (given - 1 / C))
        ahead = push > best + 1e-12
        best[ahead], who[ahead] = push[ahead], k
    return np.asarray(np.bincount(who[known & (who >= 0)], minlength=K), dtype=np.int64)


def _matching(P: Floats, result: Fused) -> Floats:
    if result.probabilities.shape != P.shape[1:]:
        raise LimbeckError(
            f"the fused result has the shape {result.probabilities.shape} for answers on {P.shape[1:]}",
            fix="give the answers that the result was fused from",
        )
    return result.probabilities


def _chances(P: Floats, Q: Floats) -> tuple[Floats, Floats]:
    """Return float64[K, n]: the chance that each answer is right, 0 for an abstention; and 1 where there is one."""
    seen = np.asarray(~np.isnan(P[:, :, 0]), dtype=np.float64)
    return np.stack([(Q * vote_shares(answers)).sum(axis=1) for answers in P]), seen


def _row_variance(chance: Floats, seen: Floats, seed: int) -> Floats:
    """Return the bootstrap variance float64[K] of the mean over rows: Poisson weights, the same rows for all."""
    rng = np.random.default_rng(seed)
    draws = np.empty((_RESAMPLES, len(chance)))
    for b in range(_RESAMPLES):
        weight = np.asarray(rng.poisson(1.0, chance.shape[1]), dtype=np.float64)
        draws[b] = chance @ weight / np.maximum(seen @ weight, 1)
    return np.asarray(draws.var(axis=0))


def _panel_variance(P: Floats, Q: Floats, relevance: Floats) -> Floats:
    """Return the jackknife variance float64[K] over voters, each left out of a pool weighted by relevance."""
    voters = near_voters(P)
    weight = voters.per_voter(np.maximum(relevance, 0))
    G = len(weight)
    if G < 3 or (weight > 0).sum() < 2:
        return np.zeros(len(P))
    rows = slice(_PANEL_ROWS)  # of an already shuffled sample or of few rows: enough for a second-order term
    Q, part = Q[rows], voters.answers[:, rows]
    named = np.stack([vote_shares(answers[rows]) > 0 for answers in P])  # several classes where they tie
    ties = np.maximum(named.sum(axis=2), 1)
    seen = np.asarray(~np.isnan(P[:, rows, 0]))
    pull = np.where(np.isnan(part), 0.0, part * weight[:, None, None])
    mass = np.where(np.isnan(part[:, :, 0]), 0.0, weight[:, None])
    pooled, weighed = pull.sum(axis=0), mass.sum(axis=0)
    whole = _ratio(pooled, weighed)
    moved = np.zeros((G, len(P)))
    for g in range(G):
        without = _ratio(pooled - pull[g], weighed - mass[g])
        shifted = np.clip(Q + np.nan_to_num(without - whole), 0, 1)
        chance = np.stack([(shifted * best).sum(axis=1) for best in named]) / ties
        moved[g] = chance.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.asarray((G - 1) / G * ((moved - moved.mean(axis=0)) ** 2).sum(axis=0))


def _ratio(total: Floats, mass: Floats) -> Floats:
    """Return total float64[n, C] over mass float64[n]; NaN where nobody is left."""
    left = (mass > 1e-9)[:, None]
    return np.asarray(np.divide(total, mass[:, None], out=np.full_like(total, np.nan), where=left))
