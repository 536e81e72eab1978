"""How far two histograms are apart, and how far chance alone takes them.

The population stability index is the symmetric Kullback–Leibler divergence of shares; the Jensen–Shannon divergence is
bounded by 1 (in bits). The usual rule that an index above 0.2 means drift is not used: how large either gets without
any drift depends on how many rows are compared. The threshold is what the two samples, drawn anew from one distribution
at their own sizes, stay below in 95 of 100 draws (parametric bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEVEL = 0.05
_DRAWS = 1000
_PSEUDO = 0.5  # rows added to each bin, so that an empty one has a logarithm


def psi(reference: ArrayLike, window: ArrayLike) -> Floats:
    """Return the population stability index, float[...], of counts float[..., bins]."""
    p, q = _shares(reference), _shares(window)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


def jensen_shannon(reference: ArrayLike, window: ArrayLike) -> Floats:
    """Return the Jensen–Shannon divergence in bits, float[...], 0 to 1, of counts float[..., bins]."""
    p, q = _shares(reference), _shares(window)
    middle = (p + q) / 2
    return np.asarray((p * np.log2(p / middle) + q * np.log2(q / middle)).sum(axis=-1) / 2)


@dataclass(frozen=True)
class Shift:
    """How far a histogram has moved, what chance stays below, and the probability of so much by chance."""

    psi: float
    psi_threshold: float
    jensen_shannon: float
    p: float
    drifted: bool


def shift(reference: ArrayLike, window: ArrayLike, *, level: float = LEVEL, seed: int = 0) -> Shift:
    """Hold the counts of a window against those of a reference, each float[bins]; ``level`` is the false-alarm rate."""
    old, new = np.asarray(reference, dtype=np.float64), np.asarray(window, dtype=np.float64)
    both = old + new
    if not old.sum() or not new.sum():
        return Shift(0.0, np.inf, 0.0, 1.0, False)
    rng, shares = np.random.default_rng(seed), both / both.sum()
    drawn = psi(
        rng.multinomial(int(old.sum()), shares, size=_DRAWS), rng.multinomial(int(new.sum()), shares, size=_DRAWS)
    )
    found = float(psi(old, new))
    p = (1 + int((drawn >= found - 1e-12).sum())) / (1 + _DRAWS)
    threshold = float(np.quantile(drawn, 1 - level))
    return Shift(found, threshold, float(jensen_shannon(old, new)), p, p <= level)


def _shares(counts: ArrayLike) -> Floats:
    found = np.asarray(counts, dtype=np.float64) + _PSEUDO
    return np.asarray(found / found.sum(axis=-1, keepdims=True))
