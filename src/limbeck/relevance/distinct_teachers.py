"""Teachers that are copies of one another are one voter: a duplicated teacher adds no evidence.

Estimators without labels read trust off agreement, so two copies of a poor model would vouch for each other.
Voters are complete-link clusters (Sorensen 1948): every pair inside is a pair of copies. Merging the nearest pair
first makes the clusters independent of the teachers' order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck.relevance.probabilities import Bools, Floats, logit, some_rows

NEAR = 0.97  # correlation of two teachers' logits above which they are taken for one
_SAME = 1e-3  # greatest difference of two answers that half precision can explain
_ROWS = 20_000  # enough for a correlation to within 0.01
_GLANCE = 200  # rows that tell most pairs apart
FEWEST = 30  # rows that both must have answered before a correlation says anything


@dataclass(frozen=True)
class Voters:
    """``answers`` float[G, N, C], one per voter; ``members`` the teachers of each; ``teachers`` how many there are."""

    answers: Floats
    members: tuple[tuple[int, ...], ...]
    teachers: int

    def per_teacher(self, values: Floats) -> Floats:
        """Return values float[G, ...] as float64[K, ...]: each teacher gets its voter's."""
        out = np.empty((self.teachers, *values.shape[1:]))
        for members, value in zip(self.members, values, strict=True):
            out[list(members)] = value
        return out

    def per_voter(self, values: Floats) -> Floats:
        """Return values float[K, ...] as float64[G, ...]: each voter gets its teachers' mean, NaN left out."""
        return np.array([_mean(np.asarray(values)[list(members)]) for members in self.members])


def exact_voters(P: Floats) -> Voters:
    """Group teachers whose answers are the same but for rounding; for the baselines."""
    return _grouped(P, None)


def near_voters(P: Floats, cut: float = NEAR) -> Voters:
    """Group teachers whose logits correlate above ``cut`` as well; for the estimators that read agreement."""
    return _grouped(P, cut)


def correlations(X: Floats) -> Floats:
    """Return the K x K correlations float64 of X float[K, C, M], over the rows that both have, summed over classes.

    A pair with fewer than 30 common rows, or a constant teacher, correlates 0; the diagonal is 1.
    """
    seen = ~np.isnan(X[:, 0])
    mask = seen.astype(np.float64)
    n = mask @ mask.T
    floor = np.maximum(n, 1)
    cov, var = np.zeros_like(n), np.zeros_like(n)
    for c in range(X.shape[1]):
        x = np.where(seen, X[:, c], 0.0)
        x = np.where(seen, x - (x.sum(axis=1) / np.maximum(mask.sum(axis=1), 1))[:, None], 0.0)
        mean = x @ mask.T / floor  # of the row's teacher over the rows it shares with the column's
        cov += x @ x.T / floor - mean * mean.T
        var += (x * x) @ mask.T / floor - mean**2
    spread = np.sqrt(np.maximum(var * var.T, 0))
    ok = (n >= FEWEST) & (spread > 1e-8)
    corr = np.clip(np.divide(cov, spread, out=np.zeros_like(cov), where=ok), -1, 1)
    np.fill_diagonal(corr, 1.0)
    return corr


def logits(P: Floats, rows: object = slice(None)) -> Floats:
    """Return one-against-rest logits float64[K, C', M] of some rows; two classes need one of them (C' = 1)."""
    classes = [1] if P.shape[2] == 2 else list(range(P.shape[2]))
    return np.array([[logit(answers[rows], c) for c in classes] for answers in P])


def _grouped(P: Floats, cut: float | None) -> Voters:
    K, N, _ = P.shape
    if K == 1:
        return Voters(P, ((0,),), 1)
    rows = some_rows(N, _ROWS)
    X = P[:, rows]
    near = np.where(_same(X), 2.0, 0.0)  # same beats near
    if cut is not None:
        corr = correlations(logits(X))
        np.fill_diagonal(corr, 0.0)
        near = np.maximum(near, np.where(corr > cut, corr, 0.0))
    members = _complete_link(near)
    if len(members) == K:
        return Voters(P, members, K)
    return Voters(np.stack([_mean(P[list(m)]) for m in members]), members, K)


def _same(X: Floats) -> Bools:
    """Return bool[K, K]: two teachers answer the same rows, at least one, in the same way."""
    seen = ~np.isnan(X[:, :, 0])
    filled = np.where(seen[:, :, None], X, -1.0)  # an abstention equals only an abstention
    out = np.zeros((len(X), len(X)), dtype=bool)
    for i in range(len(X)):
        near = np.abs(filled[:i, :_GLANCE] - filled[i, :_GLANCE]).max(axis=(1, 2), initial=0) <= _SAME
        for j in np.flatnonzero(near):
            out[i, j] = out[j, i] = seen[i].any() and np.abs(filled[i] - filled[j]).max() <= _SAME
    return out


def _complete_link(near: Floats) -> tuple[tuple[int, ...], ...]:
    """Merge the two nearest clusters until no pair of clusters is near throughout."""
    clusters = [[k] for k in range(len(near))]
    link = near.copy()
    np.fill_diagonal(link, 0.0)
    while link.size and link.max() > 0:
        i, j = sorted(divmod(int(link.argmax()), len(link)))
        clusters[i] += clusters[j]
        link[i] = link[:, i] = np.minimum(link[i], link[j])
        link[i, i] = 0.0
        link = np.delete(np.delete(link, j, 0), j, 1)
        del clusters[j]
    return tuple(tuple(sorted(cluster)) for cluster in clusters)


def _mean(values: Floats) -> Floats:
    """Return the mean over the first axis of what is not NaN; NaN where all is."""
    if len(values) == 1:
        return np.asarray(values[0])
    seen = ~np.isnan(values)
    count = seen.sum(axis=0)
    total = np.where(seen, values, 0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
