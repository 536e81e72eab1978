"""Each teacher's part in the consensus: its Shapley value, by sampled permutations.

Shapley 1953, "A value for n-person games"; sampling after Castro, Gómez & Tejada 2009, "Polynomial calculation of
the Shapley value based on sampling". The players are voters (copies are one). A coalition is worth the correlation of
its average standardised logit with those of the other voters, in which no voter is ever compared with itself:

    v(S) = sum over i in S, j != i of r_ij / (sqrt(sum over i, k in S of r_ik) * (G - 1)),   v(nobody) = 0

up to a constant, the correlations r_ij of the logits. It needs the G x G correlations only, so its cost hardly
depends on N. A constant answer is a null player and gets 0; whoever speaks against the others gets less than 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.relevance.distinct_teachers import correlations, logits, near_voters
from limbeck.relevance.methods.agreement import lone
from limbeck.relevance.probabilities import Floats, Fused, Ints, checked, fused, some_rows, weighted_mean

_ROWS = 50_000
_CELLS = 250_000  # correlations of permutations that are held at once
_SILENT = 1e-6  # standard deviation of logits below which a voter is constant


def consensus(P: ArrayLike, *, samples: int = 2000, seed: int = 0) -> Fused:
    """Fuse by Shapley value; relevance float64[K] is that value, and a value of 0 or less has no say.

    Parameters
    ----------
    P
        float[K, N, C], NaN rows abstain; the correlations are of a seeded sample of at most 50,000 rows.
    samples
        How many permutations, each walked forwards and backwards (antithetic); the standard error is in the notes.
    seed
        For the permutations. Voters are put in a canonical order first, so the teachers' order does not matter.

    Raises
    ------
    LimbeckError
        For answers that are not probabilities, or fewer than one permutation.
    """
    P = checked(P)
    if samples < 1:
        raise LimbeckError("the Shapley value needs at least one permutation", where="samples")
    voters = near_voters(P)
    if len(voters.members) == 1:
        return lone(voters)
    Z = logits(voters.answers, some_rows(P.shape[1], _ROWS))
    corr = correlations(Z)
    spread = np.array([np.nanstd(z) if np.isfinite(z).any() else 0.0 for z in Z])
    corr[spread < _SILENT] = corr[:, spread < _SILENT] = 0.0
    order = np.lexsort((np.abs(corr).sum(axis=0).round(9), corr.sum(axis=0).round(9)))
    value, error = np.empty(len(corr)), np.empty(len(corr))
    value[order], error[order] = shapley(corr[np.ix_(order, order)], samples=samples, seed=seed)
    notes = [message("teachers.shapley", permutations=samples, error=error.max())]
    weight = np.maximum(value, 0.0)
    if not weight.any():
        weight = np.ones_like(value)
        notes.append(message("teachers.no_consensus"))
    return fused(weighted_mean(voters.answers, weight), voters.per_teacher(value), notes)


def shapley(corr: ArrayLike, *, samples: int = 2000, seed: int = 0) -> tuple[Floats, Floats]:
    """Return (values, standard errors), float64[G] each, of voters with correlations float[G, G].

    A silent voter's row and column are all 0, the diagonal included.
    """
    R = np.asarray(corr, dtype=np.float64)
    G = len(R)
    cross = R.sum(axis=1) - R.diagonal()  # agreement of each voter with all others
    rng = np.random.default_rng(seed)
    orders = np.stack([rng.permutation(G) for _ in range(samples)])
    chunk = max(_CELLS // G**2, 1)
    total, squares = np.zeros(G), np.zeros(G)
    for at in range(0, samples, chunk):
        some = orders[at : at + chunk]
        part = (_walks(R, cross, some) + _walks(R, cross, some[:, ::-1])) / 2
        total += part.sum(axis=0)
        squares += (part**2).sum(axis=0)
    mean = total / samples
    return mean, np.sqrt(np.maximum(squares / samples - mean**2, 0) / max(samples - 1, 1))


def _walks(R: Floats, cross: Floats, orders: Ints) -> Floats:
    """Return what each voter adds to the value when voters join in each of some orders, [S, G] -> float64[S, G]."""
    r = R[orders[:, :, None], orders[:, None, :]]
    together = np.tril(r, -1).sum(axis=2)  # with those already there
    variance = np.cumsum(R.diagonal()[orders] + 2 * together, axis=1)
    worth = np.cumsum(cross[orders], axis=1) / (np.sqrt(np.maximum(variance, 1e-2)) * max(len(R) - 1, 1))
    worth[variance <= 0] = 0.0
    added = np.empty(orders.shape)
    np.put_along_axis(added, orders, np.diff(worth, axis=1, prepend=0.0), axis=1)
    return added
