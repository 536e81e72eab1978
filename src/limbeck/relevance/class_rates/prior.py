"""How frequent each class is among unlabelled rows: the one number that teachers from elsewhere get wrong most.

Each teacher carries its own scenario's class rate, so a fused answer may rank rows well and still cut them in the
wrong place. Three estimates: from the answers, from the answers with the rows' features, and by Saerens' EM for a
single calibrated classifier.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.metrics.logits import sigmoid
from limbeck.relevance.distinct_teachers import near_voters
from limbeck.relevance.models import one_factor
from limbeck.relevance.probabilities import FLOOR, Floats, checked, fused, some_rows, weighted_mean

_LEAST = 0.03  # no class is taken to be rarer than this
_SLOPE = 20.0  # log-odds per unit of asymmetry; chosen on prior shifts simulated on ten review domains
_ROWS, _FOLDS, _REPEATS = 2000, 3, 4
_RATES = (0.1, 0.2, 0.8, 0.9)


def class_prior(P: ArrayLike, features: Any = None, *, seed: int = 0) -> Floats:
    """Return an estimate of the class rates float64[C] of the rows, none below 0.03.

    Without features: the share of rows that the average of the trusted teachers gives to each class. With features
    (array or SciPy sparse matrix [N, F]) and two classes: a cut at the true rate separates rows that differ in
    kind, so the features predict "above the cut" better on the side where the cut is too lenient. The asymmetry of
    those AUCs between high and low cuts gives a second estimate of the log-odds; the nearer to even is taken,
    and even where the two disagree in direction. For more than two classes features are not used.

    P float[K, N, C], NaN rows abstain. Raises LimbeckError for malformed answers or features of another length.
    """
    P = checked(P)
    voters = near_voters(P)
    model = one_factor.fit(voters.answers)
    rates = answers_prior(voters.answers, model)
    if features is None or P.shape[2] > 2:
        return rates
    if features.shape[0] != P.shape[1]:
        raise LimbeckError(f"there are {features.shape[0]} rows of features for {P.shape[1]} rows of answers")
    score = one_factor.scores(voters.answers, model)[:, 0]
    if np.isfinite(score).sum() < 4 * _FOLDS:
        return rates
    told = _log_odds(rates[1])
    seen = _SLOPE * asymmetry(features, score, seed=seed)
    agreed = np.sign(told) * min(abs(told), abs(seen)) if told * seen > 0 else 0.0
    one = float(sigmoid(np.asarray(agreed)))
    return np.array([1 - one, one])


def answers_prior(answers: Floats, model: one_factor.Factor) -> Floats:
    """Return float64[C]: how often the average of the trusted voters, answers float[G, N, C], names each class.

    Trusted is who loads at least half the median positive loading.
    """
    loading = model.mean_loading
    good = loading[loading > 0]
    trusted = loading >= 0.5 * np.median(good) if len(good) else np.ones(len(loading), dtype=bool)
    Q = weighted_mean(answers, trusted.astype(np.float64))
    Q = Q[~np.isnan(Q[:, 0])]
    C = answers.shape[2]
    if not len(Q):
        return np.full(C, 1 / C)
    best = Q.max(axis=1, keepdims=True) - 1e-12 <= Q
    return floored((best / best.sum(axis=1, keepdims=True)).mean(axis=0))


def floored(rates: Floats) -> Floats:
    """Return rates float64[C] that sum to one with none below 0.03 (or 0.3 / C for many classes)."""
    least = min(_LEAST, 0.3 / len(rates))
    return np.asarray(least + (1 - least * len(rates)) * rates / rates.sum())


def asymmetry(features: Any, score: Floats, *, seed: int = 0) -> float:
    """Return AUC at cuts that call 80 and 90 % of rows positive, less AUC at 10 and 20 %, cross-fitted.

    features [N, F] dense or sparse, score float64[N] (NaN rows are left out). A ridge classifier on the rows' Gram
    matrix (at most 2,000 rows) predicts "above the cut"; its cost does not depend on F.
    """
    known = np.flatnonzero(~np.isnan(score))
    rows = known[some_rows(len(known), _ROWS, seed)]
    f, gram = score[rows], _gram(features[rows])
    one = _lopsided(gram, f, np.random.default_rng(seed))
    if len(np.unique(f)) == len(f):
        return one
    # Scores that tie at a cut fall on one side of it: asked from both sides, no class is favoured.
    return (one - _lopsided(gram, -f, np.random.default_rng(seed))) / 2


def _lopsided(gram: Floats, f: Floats, rng: np.random.Generator) -> float:
    n = len(f)
    above = np.stack([(f > np.quantile(f, 1 - r)).astype(np.float64) for r in _RATES], axis=1)
    total = np.zeros(len(_RATES))
    for _ in range(_REPEATS):
        fold = rng.integers(0, _FOLDS, n)
        guess = np.zeros_like(above)
        for j in range(_FOLDS):
            fit, held = fold != j, fold == j
            mean = above[fit].mean(axis=0)
            alpha = np.linalg.solve(gram[np.ix_(fit, fit)] + np.eye(int(fit.sum())), above[fit] - mean)
            guess[held] = gram[np.ix_(held, fit)] @ alpha + mean
        total += [_auc(above[:, r], guess[:, r]) for r in range(len(_RATES))]
    return float((total @ [-1, -1, 1, 1]) / _REPEATS)


def saerens(Q: ArrayLike, trained_prior: ArrayLike, *, iterations: int = 1000) -> tuple[Floats, Floats]:
    """Return (new class rates float64[C], corrected probabilities float64[N, C]) after a shift of the class rates.

    Q float[N, C] are calibrated probabilities of a classifier trained where the classes came at ``trained_prior``.
    EM of Saerens, Latinne & Decaestecker 2002 ("Adjusting the outputs of a classifier to new a priori
    probabilities", equations 2.4 and 2.5). NaN rows are left out of the rates and get them as their answer.
    """
    Q, old = np.asarray(Q, dtype=np.float64), np.asarray(trained_prior, dtype=np.float64)
    if Q.ndim != 2 or old.shape != (Q.shape[1],) or (old <= 0).any():
        raise LimbeckError("the trained prior must hold one rate above 0 for each class", where="trained_prior")
    known = Q[~np.isnan(Q).any(axis=1)]
    old = old / old.sum()
    new = shifted_rates(known, old, iterations=iterations)
    return new, fused(Q * (new / old), new).probabilities


def shifted_rates(Q: Floats, old: Floats, *, iterations: int = 1000) -> Floats:
    """Return the class rates float64[..., C] of Saerens' EM, see `saerens`, of each of several samples Q[..., N, C].

    Samples are taken together, as in a bootstrap: an iteration is short, and there are hundreds.
    """
    new = np.broadcast_to(old, (*Q.shape[:-2], Q.shape[-1]))
    if not Q.shape[-2]:
        return new
    by_class = np.ascontiguousarray(np.moveaxis(Q, -1, 0))  # [C, ..., N]: sums over rows and classes run along memory
    for _ in range(iterations):
        odds = by_class * np.moveaxis(new / old, -1, 0)[..., None]
        odds /= odds.sum(axis=0)
        before, new = new, np.moveaxis(odds.mean(axis=-1), 0, -1)
        if np.abs(new - before).max() < 1e-8:
            break
    return new


def _gram(rows: Any) -> Floats:
    """Return the centred inner products float64[n, n], scaled to a mean of one on the diagonal."""
    product = rows @ rows.T
    G = np.asarray(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float64)
    G = G / max(float(np.trace(G)) / len(G), 1e-12)
    mean = G.mean(axis=0)
    return np.asarray(G - mean - mean[:, None] + mean.mean())


def _auc(truth: Floats, guess: Floats) -> float:
    """Return the area under ROC, ties one half; 0.5 without both classes."""
    _, place, count = np.unique(guess, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    ones, n = truth.sum(), len(truth)
    if ones in (0, n):
        return 0.5
    return float((rank[truth > 0].sum() - ones * (ones + 1) / 2) / (ones * (n - ones)))


def _log_odds(p: float) -> float:
    p = min(max(float(p), FLOOR), 1 - FLOOR)
    return float(np.log(p / (1 - p)))
