"""One hidden answer behind all teachers: how strongly each teacher's logits follow it.

Spearman's one-factor model (1904, "General intelligence, objectively determined and measured"): a teacher's
standardised logit is ``l_k t + noise`` with one latent ``t`` for all, so the correlation of two teachers is
``l_i l_j`` off the diagonal and the loadings ``l`` are its leading eigenvector once the diagonal holds ``l_k**2``.
Parisi et al. 2014 ("Ranking and combining multiple predictors without labeled data") and Jaffe et al. 2015 proved the
same of binary votes: the entries rank teachers by balanced accuracy. Logits hold more than votes, and standardising
them takes away each teacher's own threshold, which is what moves most between scenarios.

The sign of t is not identified: the model takes the majority of teachers to be better than chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck.metrics.logits import sigmoid
from limbeck.relevance.distinct_teachers import correlations, logits
from limbeck.relevance.probabilities import Floats, cut_for, logit, some_rows

ROWS = 50_000  # a loading is known to within 0.01 from these
_CONSTANT = 0.02  # standard deviation of logits below which a teacher says nothing
_TOP = 0.95  # greatest loading: no teacher is the truth
_STEEPEST = 3.0  # log-odds per standard deviation: calibrated on ten review domains, where shared errors cap it


@dataclass(frozen=True)
class Factor:
    """Loadings, medians and standard deviations of logits, each float64[G, C'] (two classes need C' = 1).

    ``strength`` float64[C'] is the first eigenvalue of the correlations over what noise of this size would give.
    """

    loadings: Floats
    centre: Floats
    scale: Floats
    strength: Floats

    @property
    def mean_loading(self) -> Floats:
        """Return float64[G], the mean over classes."""
        return np.asarray(self.loadings.mean(axis=1))


def fit(answers: Floats) -> Factor:
    """Fit the model to voters' answers float[G, N, C]; on a seeded sample of at most 50,000 rows."""
    Z = logits(answers, some_rows(answers.shape[1], ROWS))
    G, width, n = Z.shape
    centre, scale, loadings = np.zeros((G, width)), np.ones((G, width)), np.zeros((G, width))
    strength = np.zeros(width)
    says = (~np.isnan(Z[:, 0])).sum(axis=1) > 1
    centre[says] = np.nanmedian(Z[says], axis=2)
    scale[says] = np.nanstd(Z[says], axis=2)
    edge = (1 + np.sqrt(G / n)) ** 2  # Marchenko & Pastur 1967: the largest eigenvalue of uncorrelated columns
    for c in range(width):
        live = says & (scale[:, c] > _CONSTANT)
        corr = correlations(Z[live, c : c + 1])
        loadings[live, c] = loadings_of(corr)
        strength[c] = np.linalg.eigvalsh(corr)[-1] / edge if live.sum() > 1 else 0.0
    return Factor(loadings, centre, np.where(scale > _CONSTANT, scale, 1.0), strength)


def loadings_of(corr: Floats) -> Floats:
    """Return each variable's loading float64[G] in -0.95..0.95, by principal-axis factoring of correlations.

    Three variables just identify the model and two do not: positive loadings are shrunk to their mean, wholly at
    three. One or two get 0.7, a guess that treats them alike.
    """
    G = len(corr)
    if G < 3:
        return np.full(G, 0.7)
    share = np.clip((np.abs(corr).sum(axis=1) - 1) / (G - 1), 0.01, 0.9)
    for _ in range(100):
        reduced = corr.copy()
        np.fill_diagonal(reduced, share)
        values, vectors = np.linalg.eigh(reduced)
        loading = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
        updated = np.clip(loading**2, 0.01, 0.9)
        if np.abs(updated - share).max() < 1e-6:
            break
        share = updated
    side = np.median(loading)
    loading = np.clip(loading * (1 if side + 1e-9 * loading.sum() >= 0 else -1), -_TOP, _TOP)
    good = loading > 0
    if good.any():
        keep = (G - 3) / (G - 1)
        loading[good] = keep * loading[good] + (1 - keep) * loading[good].mean()
    return np.asarray(loading)


def weights(loadings: Floats) -> Floats:
    """Return the regression weights ``l / (1 - l**2)`` of positive loadings; a loading of 0 or less weighs nothing."""
    l = np.clip(loadings, 0, _TOP)  # noqa: E741
    return np.asarray(l / (1 - l**2))


def scores(answers: Floats, factor: Factor, row_weights: Floats | None = None) -> Floats:
    """Return the latent answer's posterior mean float64[N, C'] (Thomson 1951); NaN where nobody trusted answered.

    answers float[G, N, C]; row_weights float[G, N] multiplies each voter's weight row by row.
    """
    weight, loading = weights(factor.loadings), np.clip(factor.loadings, 0, _TOP)
    N, width = answers.shape[1], factor.loadings.shape[1]
    out = np.empty((N, width))
    for c in range(width):
        total, evidence = np.zeros(N), np.zeros(N)
        for g, each in enumerate(answers):
            if weight[g, c] == 0:
                continue
            z = logit(each, c if width > 1 else 1)
            seen = ~np.isnan(z)
            w = weight[g, c] * seen if row_weights is None else weight[g, c] * seen * row_weights[g]
            total += w * np.where(seen, (z - factor.centre[g, c]) / factor.scale[g, c], 0.0)
            evidence += w * loading[g, c]
        out[:, c] = np.where(evidence > 0, total / (1 + evidence), np.nan)
    return out


def probabilities(score: Floats, factor: Factor, prior: Floats) -> Floats:
    """Turn scores float64[N, C'] into probabilities float64[N, C] that cut class c off at ``prior[c]`` of the rows.

    The slope is what the model gives its own score, ``2 sqrt(S (1 + S))`` per standard deviation with S the sum of
    ``l**2 / (1 - l**2)``, at most 3. Several classes are one-against-rest answers scaled to sum to one.
    """
    evidence = (weights(factor.loadings) * np.clip(factor.loadings, 0, _TOP)).sum(axis=0)
    slope = np.minimum(2 * np.sqrt(evidence * (1 + evidence)), _STEEPEST)
    rates = prior[1:] if score.shape[1] == 1 else prior
    odds = np.empty_like(score)
    for c in range(score.shape[1]):
        known = score[~np.isnan(score[:, c]), c]
        cut = cut_for(known, float(rates[c])) if len(known) else 0.0
        odds[:, c] = slope[c] * (score[:, c] - cut) / max(float(known.std()) if len(known) else 0.0, 1e-9)
    one = sigmoid(odds)
    if score.shape[1] == 1:
        return np.hstack([1 - one, one])
    one = np.maximum(one, 1e-12)
    return np.asarray(one / one.sum(axis=1, keepdims=True))
