"""Which rows to review next: a fifth at random, the others where a label teaches most.

Rows drawn at random measure the model, whatever the others are chosen by (`limbeck.monitoring.audit`). While few rows
are reviewed the doubts of a model mislead: rows are spread over all kinds of rows by k-means++ (Arthur & Vassilvitskii
2007), the further apart the more doubtful they are (after BADGE, Ash et al. 2020). From some 500 reviewed rows on those
with the smallest margin between the two likeliest classes teach most. Where several models answer, rows that they
answer differently come first (query by committee, Seung, Opper & Sompolinsky 1992). Measured by benchmarks/loop.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError

RANDOM_SHARE = 0.2
WARM = 500  # reviewed rows from which on the model's doubts are trusted
RANDOM, SPREAD, MARGIN, DISAGREEMENT = "random", "spread", "margin", "disagreement"  # why a row was chosen
_POOL = 20_000  # rows that diversity is sought among

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """Rows to review, int64[n], in the order of review, and why each was chosen."""

    rows: Ints
    why: list[str]

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """Which rows were drawn at random, bool[n]."""
        return np.array([why == RANDOM for why in self.why], dtype=bool)


def choose(
    count: int,
    *,
    p: ArrayLike | None = None,
    vectors: ArrayLike | None = None,
    reviewed: int = 0,
    committee: ArrayLike | None = None,
    random_share: float = RANDOM_SHARE,
    seed: int = 0,
) -> Chosen:
    """Choose ``count`` of N rows that nobody has reviewed; fewer where there are fewer.

    Parameters
    ----------
    p
        Probabilities float[N, C] of the model; NaN where it has no answer, which comes last.
    vectors
        float[N, D], near for rows that are alike, e.g. `limbeck.bundle.classifier.Classifier.features`. Without them,
        or without ``p``, the other of the two serves.
    reviewed
        How many rows have been reviewed so far.
    committee
        Probabilities float[K, N, C] of several models, NaN where one abstains.
    random_share
        Share of rows drawn at random, 0 to 1, at least one row unless it is 0.
    seed
        Of all draws.

    Raises
    ------
    LimbeckError
        When nothing is known of the rows, or what is given does not fit.
    """
    sizes = {np.shape(given)[at] for given, at in ((p, 0), (vectors, 0), (committee, 1)) if given is not None}
    if len(sizes) != 1 or not 0 <= random_share <= 1:
        fix = "give p, vectors or committee, of the same rows, and a share from 0 to 1"
        raise LimbeckError("rows are chosen by what is known of them", where="choose", fix=fix)
    total = sizes.pop()
    count = max(0, min(count, total))
    rng = np.random.default_rng(seed)
    # Drawn from all rows, before the others are chosen: nothing may change the chances of a draw.
    at_random = min(count, max(1, round(count * random_share)) if random_share and count else 0)
    drawn = rng.choice(total, at_random, replace=False)
    left = np.setdiff1d(np.arange(total), drawn)
    wanted = count - at_random
    scores = None if p is None else margins(p)
    if committee is not None and total:
        apart = disagreement(committee)
        tie = np.zeros(total) if scores is None else scores
        picked, why = left[np.lexsort((tie[left], -apart[left]))][:wanted], DISAGREEMENT
    elif vectors is not None and (scores is None or reviewed < WARM):
        doubt = 1.0 if p is None else 1.0 - np.asarray(p, dtype=np.float64)[left].max(axis=1, keepdims=True)
        picked, why = left[spread(np.asarray(vectors)[left] * doubt, wanted, rng)], SPREAD
    else:
        assert scores is not None
        picked, why = left[np.argsort(scores[left], kind="stable")][:wanted], MARGIN
    return _mixed(drawn, picked, why, rng)


def margins(p: ArrayLike) -> Floats:
    """Return how far the likeliest class of p float[N, C] is ahead of the next, float64[N]; 2 without an answer."""
    p = np.asarray(p, dtype=np.float64)
    two = np.partition(np.nan_to_num(p, nan=-1.0), p.shape[1] - 2, axis=1)[:, -2:]
    return np.where(np.isfinite(p).all(axis=1), two[:, 1] - two[:, 0], 2.0)


def disagreement(committee: ArrayLike) -> Floats:
    """Return the Jensen–Shannon divergence in nats of K models' answers float[K, N, C] on each row, float64[N]."""
    answers = np.asarray(committee, dtype=np.float64)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(answers).all(axis=2))
    filled = np.where(known[:, :, None], answers, 0.0)
    many = np.maximum(known.sum(axis=0), 1)
    mean = filled.sum(axis=0) / many[:, None]
    own = (_entropy(filled) * known).sum(axis=0) / many
    return np.asarray(np.maximum(_entropy(mean) - own, 0.0))


def spread(vectors: ArrayLike, count: int, rng: np.random.Generator) -> Ints:
    """Return places of ``count`` vectors float[N, D] that lie far from each other, by k-means++; NaN ones come last."""
    found = np.asarray(vectors, dtype=np.float64)
    good = np.flatnonzero(np.isfinite(found).all(axis=1))
    pool = good if len(good) <= _POOL else rng.choice(good, _POOL, replace=False)
    X = found[pool]
    squares = (X**2).sum(axis=1)
    distance = np.full(len(pool), np.inf)
    chosen: list[int] = []
    for _ in range(min(count, len(pool))):
        weight = np.ones(len(pool)) if not chosen else distance.copy()
        weight[chosen] = 0.0
        if not weight.sum() > 0:  # only copies of what is chosen are left
            weight = np.ones(len(pool))
            weight[chosen] = 0.0
        at = int(rng.choice(len(pool), p=weight / weight.sum()))
        chosen.append(at)
        distance = np.minimum(distance, np.maximum(squares + squares[at] - 2 * (X @ X[at]), 0.0))
    rest = np.setdiff1d(np.arange(len(found)), pool[chosen])[: count - len(chosen)]
    return np.concatenate([pool[chosen], rest]).astype(np.int64)


def _entropy(p: Floats) -> Floats:
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(axis=-1))


def _mixed(drawn: Ints, picked: Ints, why: str, rng: np.random.Generator) -> Chosen:
    """Put rows drawn at random among the others, so that a review that stops early has some of both."""
    rows = np.concatenate([drawn, picked])
    reasons = [RANDOM] * len(drawn) + [why] * len(picked)
    places = np.sort(rng.permutation(len(rows))[: len(drawn)])
    order = np.empty(len(rows), dtype=np.int64)
    order[places] = np.arange(len(drawn))
    order[np.setdiff1d(np.arange(len(rows)), places)] = len(drawn) + np.arange(len(picked))
    return Chosen(rows[order].astype(np.int64), [reasons[at] for at in order.tolist()])
