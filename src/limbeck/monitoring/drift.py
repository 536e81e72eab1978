"""Have rows or answers changed since training? A window of rows is held against the reference that the bundle carries.

Shift of the answers' scores finds most changes (Rabanser, Günnemann & Lipton 2019, "Failing Loudly"); how large rows
are and the means of their vectors find those to which the model is blind. Each has a false-alarm rate of its own at the
window's size; together they have ``level``, by Bonferroni's correction. No row that the bundle learned from is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.bundle.reference import BINS, LEVELS, Features, Reference, Sizes
from limbeck.monitoring.histograms import LEVEL, shift

FEWEST = 30  # rows of a window below which nothing is said
_MOST_CLASSES = 8  # whose scores are looked at, the most frequent ones

ANSWERS, SCORES, SIZES, VECTORS = "answers", "scores", "sizes", "vectors"


@dataclass(frozen=True)
class Signal:
    """One thing that was looked at.

    Attributes
    ----------
    name
        ``"answers"``: shares of the decided classes; ``"scores"``: probabilities of the class ``of``; ``"sizes"``: how
        large rows are; ``"vectors"``: the means of their vectors.
    value, threshold
        The population stability index and what chance stays below at ``level``; of vectors the largest z of a mean.
    jensen_shannon
        In bits, 0 to 1; None of vectors.
    p
        Probability of so much by chance.
    """

    name: str
    of: str
    value: float
    threshold: float
    jensen_shannon: float | None
    p: float


@dataclass(frozen=True)
class Drift:
    """What was looked at in a window, and whether anything has drifted at a false-alarm rate of ``level`` in all."""

    rows: int
    signals: list[Signal]
    level: float

    @property
    def drifted(self) -> list[Signal]:
        """The signals that chance does not explain."""
        return [signal for signal in self.signals if signal.p * len(self.signals) <= self.level]


def drift(
    reference: Reference,
    p: ArrayLike,
    decided: ArrayLike,
    *,
    sizes: ArrayLike | None = None,
    vectors: ArrayLike | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> Drift:
    """Hold a window of rows against a bundle's reference.

    Parameters
    ----------
    p, decided
        Probabilities float[N, C] in the order of the bundle's classes, and the decided classes int64[N], -1 for none.
    sizes, vectors
        float[N] in the reference's unit, and float[N, D]; NaN where there is none.
    """
    scores, answered = np.asarray(p, dtype=np.float64), np.asarray(decided, dtype=np.int64)
    answered = answered[answered >= 0]
    signals: list[Signal] = []
    if len(answered) < FEWEST:
        return Drift(len(answered), signals, level)
    counted = [pair for pair in _counts(reference, scores, answered, sizes) if sum(pair[2]) and sum(pair[3])]
    many = len(counted) + (vectors is not None and reference.features is not None)
    for name, of, old, new in counted:
        found = shift(old, new, level=level / many, seed=seed)
        signals.append(Signal(name, of, found.psi, found.psi_threshold, found.jensen_shannon, found.p))
    if vectors is not None and reference.features is not None:
        signals.append(_means(reference.features, np.asarray(vectors, dtype=np.float64), level / many))
    return Drift(len(answered), signals, level)


def _counts(
    reference: Reference, p: NDArray[np.float64], decided: NDArray[np.int64], sizes: ArrayLike | None
) -> list[tuple[str, str, list[float], list[float]]]:
    """Return name, class, and the counts of reference and window of each histogram."""
    found: list[tuple[str, str, list[float], list[float]]] = []
    if (scores := reference.scores) is not None:
        classes = list(scores.shares)
        shares = np.array([scores.shares[name] for name in classes])
        found.append(
            (ANSWERS, "", (shares * scores.rows).tolist(), np.bincount(decided, minlength=len(classes)).tolist())
        )
        edges = np.linspace(0.0, 1.0, BINS + 1)
        good = p[np.isfinite(p).all(axis=1)]
        usual = np.argsort(-shares, kind="stable")[:_MOST_CLASSES]
        for at in sorted(usual.tolist() if len(classes) > 2 else [int(len(classes) > 1)]):
            counts = np.histogram(good[:, at], edges)[0]
            found.append((SCORES, classes[at], [float(n) for n in scores.counts[classes[at]]], counts.tolist()))
    if sizes is not None and reference.sizes is not None:
        found.append((SIZES, reference.sizes.unit, *_size_counts(reference.sizes, sizes)))
    return found


def _size_counts(reference: Sizes, sizes: ArrayLike) -> tuple[list[float], list[float]]:
    """Return the counts of both between the quantiles that differ.

    Of sizes that equal a quantile as many count as below it as makes the two alike: where in a run of equal sizes the
    quantile was, the reference does not say.
    """
    cuts, first = np.unique(reference.quantiles, return_index=True)
    below = np.array(LEVELS)[np.r_[first[1:] - 1, len(reference.quantiles) - 1]]
    found = np.sort(np.asarray(sizes, dtype=np.float64))
    found = found[np.isfinite(found)]
    least, most = np.searchsorted(found, cuts, "left"), np.searchsorted(found, cuts, "right")
    reached = np.clip(below * len(found), least, most)
    old = np.diff(np.r_[0.0, below, 1.0]) * reference.rows
    return old.tolist(), np.diff(np.r_[0.0, reached, len(found)]).tolist()


def _means(reference: Features, vectors: NDArray[np.float64], level: float) -> Signal:
    """Test whether any mean has moved: the largest z of D, with Bonferroni's correction."""
    good = vectors[np.isfinite(vectors).all(axis=1)]
    mean, deviation = np.array(reference.mean), np.array(reference.deviation)
    normal = NormalDist()
    if len(good) < FEWEST or good.shape[1] != len(mean):
        return Signal(VECTORS, "", 0.0, float("inf"), None, 1.0)
    spread = np.sqrt((deviation**2 + good.var(axis=0)) / 2)
    moves = spread > 1e-6
    error = spread[moves] * np.sqrt(1 / len(good) + 1 / reference.rows)
    z = np.abs(good.mean(axis=0)[moves] - mean[moves]) / error
    many = max(int(moves.sum()), 1)
    largest = float(z.max()) if len(z) else 0.0
    threshold = normal.inv_cdf(1 - level / (2 * many))
    p = min(1.0, 2 * many * normal.cdf(-largest))
    return Signal(VECTORS, "", largest, threshold, None, p)
