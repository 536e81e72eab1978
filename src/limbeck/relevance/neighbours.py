"""Neighbour agreement: an answer that a row's neighbours share is more often right than one that stands alone.

The cut statistic (Muhlenbach, Lallich & Zighed 2004, "Identifying and handling mislabelled instances", section 3):
join each row to its nearest neighbours, call an edge cut where the two answers differ, and compare the weight of cut
edges with what independent answers of the same class rates would give. Lang, Vijayaraghavan & Sontag 2022 ("Training
subset selection for weak supervision") keep the rows with the lowest values and train on them alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.relevance.probabilities import Bools, Floats, Ints, some_rows, top_shares

POOL = 20_000  # rows among which neighbours are sought
_CELLS = 2**21  # similarities in memory at once
_FLAT = 1e-6  # deviation of a row's edges below which its answer tells no class from another


def cut_statistic(features: Any, answers: ArrayLike, *, k: int = 10, seed: int = 0) -> NDArray[np.float64]:
    """Return the standardised weight of cut edges z float64[N]: low where the neighbours agree more than chance.

    Parameters
    ----------
    features
        [N, F] array or SciPy sparse matrix, each row of length one: neighbours are the ``k`` other rows of the largest
        positive cosine, and an edge weighs 1 / (1 + distance). Beyond 20,000 rows they are sought in a sample.
    answers
        float[N, C], rows sum to one. An edge between p and q is cut by 1 - p·q; certain answers make that 0 or 1.
    k
        Neighbours of each row.
    seed
        Of the sample.

    Returns
    -------
    float64[N]
        0 for a row without a neighbour, or whose answer tells no class from another.

    Raises
    ------
    LimbeckError
        For answers that are not [N, C] or lack a value, and a k below one.
    """
    Q = np.asarray(answers, dtype=np.float64)
    n = features.shape[0]
    if Q.ndim != 2 or len(Q) != n:
        raise LimbeckError(f"there are {n} rows of features for answers of the shape {Q.shape}")
    if not np.isfinite(Q).all():
        raise LimbeckError("has no answer", where=f"row {int((~np.isfinite(Q)).any(axis=1).argmax())}")
    if k < 1:
        raise LimbeckError(f"{k} neighbours are too few", fix="ask for one or more")
    if n < 2:
        return np.zeros(n)
    centred = Q - Q.mean(axis=0)
    # Of 1 - p·q only q varies from edge to edge, so the mean cancels and the variance is p' Cov p.
    variance = np.einsum("nc,cd,nd->n", Q, centred.T @ centred / n, Q)
    pool = np.arange(n)[some_rows(n, POOL, seed)]
    excess, squares = np.zeros(n), np.zeros(n)
    step = max(_CELLS // len(pool), 1)
    for at in range(0, n, step):
        part = np.arange(at, min(at + step, n))
        near, weight = _neighbours(features, part, pool, k)
        excess[part] = -np.einsum("nk,nkc,nc->n", weight, centred[near], Q[part])
        squares[part] = np.square(weight).sum(axis=1)
    spread = np.sqrt(np.maximum(variance, 0) * squares)
    z: NDArray[np.float64] = np.divide(excess, spread, out=np.zeros(n), where=spread > _FLAT)
    return z


def best_agreed(z: ArrayLike, answers: ArrayLike, share: float) -> Bools:
    """Return bool[N]: the ``share`` of the rows of each class with the lowest z, at least one row of each.

    z float[N] as `cut_statistic` gives it; the class of a row is the likeliest of its answer, answers float[N, C].
    Class by class, because a rare class has the fewest neighbours of its own (Lang et al. 2022, section 4).
    """
    z, Q = np.asarray(z, dtype=np.float64), np.asarray(answers)
    # Rows on which classes tie are a kind of their own, not rows of the class that is named first.
    label = np.where(top_shares(Q).max(axis=1) == 1, Q.argmax(axis=1), Q.shape[1])
    kept = np.zeros(len(z), dtype=np.bool_)
    for c in np.unique(label):
        rows = np.flatnonzero(label == c)
        kept[rows[np.argsort(z[rows], kind="stable")[: int(np.ceil(share * len(rows)))]]] = True
    return kept


def _neighbours(features: Any, part: Ints, pool: Ints, k: int) -> tuple[Ints, Floats]:
    """Return the rows int64[n, k] of the pool that are nearest to each row of a part, and weights float64[n, k].

    A row is no neighbour of itself; what does not resemble a row at all gets the weight 0.
    """
    product = features[part] @ features[pool].T
    cosine = np.array(product.toarray() if hasattr(product, "toarray") else product, dtype=np.float64)
    place = np.searchsorted(pool, part)
    mine = pool[np.minimum(place, len(pool) - 1)] == part
    cosine[mine, place[mine]] = -1.0
    k = min(k, len(pool))
    at = np.argpartition(cosine, len(pool) - k, axis=1)[:, -k:]
    near = np.take_along_axis(cosine, at, axis=1)
    distance = np.sqrt(np.maximum(2 - 2 * near, 0))
    return pool[at], np.where(near > 0, 1 / (1 + distance), 0.0)
