"""The calculators that estimate nothing; every table shows them, and every cleverer one must beat them.

Exact copies share one vote here too. All weights are relative: ones mean equal trust.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.metrics.logits import softmax
from limbeck.relevance.distinct_teachers import exact_voters
from limbeck.relevance.probabilities import FLOOR, Floats, Fused, checked, entropy, fused, vote_shares, weighted_mean


def uniform(P: ArrayLike) -> Fused:
    """Average the probabilities (a linear opinion pool, Stone 1961); relevance float64[K] of ones.

    P float[K, N, C], NaN rows abstain. Raises LimbeckError for answers that are not probabilities.
    """
    return fixed(P, np.ones(len(np.asarray(P))))


def uniform_logit(P: ArrayLike) -> Fused:
    """Average the log-probabilities (a logarithmic opinion pool, Genest & Zidek 1986); relevance of ones.

    P float[K, N, C], NaN rows abstain. Raises LimbeckError for answers that are not probabilities.
    """
    P = checked(P)
    voters = exact_voters(P)
    return fused(log_pool(voters.answers, np.ones(len(voters.members))), np.ones(len(P)))


def majority(P: ArrayLike) -> Fused:
    """Count each teacher's likeliest class, ties shared; relevance of ones.

    P float[K, N, C], NaN rows abstain; one teacher is returned as it is, not as votes.
    """
    P = checked(P)
    voters = exact_voters(P)
    if len(voters.members) == 1:
        return fused(voters.answers[0].astype(np.float64), np.ones(len(P)))
    total = sum((vote_shares(answers) for answers in voters.answers), start=np.zeros(P.shape[1:]))
    count = total.sum(axis=1, keepdims=True)
    return fused(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0), np.ones(len(P)))


def fixed(P: ArrayLike, weights: ArrayLike) -> Fused:
    """Average the probabilities under given weights float[K]; relevance is those weights.

    Exact copies share the mean of their weights. Raises LimbeckError for weights that are negative, all zero or not
    one per teacher.
    """
    P = checked(P)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (len(P),):
        raise LimbeckError(f"there are {given.size} weights for {len(P)} teachers", fix="give one weight per teacher")
    if not np.isfinite(given).all() or (given < 0).any() or not given.any():
        raise LimbeckError("teachers' weights must be 0 or more and not all 0", where="weights")
    voters = exact_voters(P)
    return fused(weighted_mean(voters.answers, voters.per_voter(given)), given)


def confidence(P: ArrayLike) -> Fused:
    """Weigh each answer by its certainty, ``1 - H(p) / log C``; relevance float64[K, N], 0 for an abstention.

    Trusts whoever is sure, right or wrong: a baseline. Rows on which all are unsure are averaged equally.
    """
    P = checked(P)
    voters = exact_voters(P)
    sure = np.array([np.nan_to_num(1 - entropy(answers.astype(np.float64))) for answers in voters.answers])
    sure = np.clip(sure, 0, 1)
    return fused(weighted_mean(voters.answers, sure + 1e-9), voters.per_teacher(sure))


def log_pool(answers: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of log-probabilities as probabilities, float64[N, C]; NaN where nobody answered."""
    total, weight = np.zeros(answers.shape[1:]), np.zeros(answers.shape[1])
    for each, w in zip(answers, weights, strict=True):
        seen = ~np.isnan(each[:, 0])
        total[seen] += w * np.log(np.maximum(each[seen], FLOOR))
        weight += w * seen
    return softmax(np.divide(total, weight[:, None], out=np.full_like(total, np.nan), where=weight[:, None] > 0))
