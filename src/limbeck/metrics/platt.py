"""Scores of a yes-or-no question to probabilities: Platt scaling, ``p = sigmoid(slope * score + shift)``.

Platt 1999, "Probabilistic outputs for support vector machines", with the smoothed targets that keep a handful of rows
from asking for certainty, fitted as Lin, Lin & Weng 2007 do: Newton's method with a step that is halved until it helps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEAST_SLOPE = 1e-3  # scores keep their order whatever the rows say
_STEPS, _HALVED, _RIDGE = 100, 1e-10, 1e-12


def fit_platt(scores: ArrayLike, truth: ArrayLike) -> tuple[float, float]:
    """Return slope (at least 0.001) and shift of scores float[N] for truth bool[N].

    Without a row of either answer the slope is 1 and the shift that of their smoothed share.
    """
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    yes, no = int(y.sum()), int((~y).sum())
    high, low = (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0)
    prior = float(np.log((yes + 1.0) / (no + 1.0)))
    if not yes or not no:
        return 1.0, prior - (float(s.mean()) if len(s) else 0.0)
    target = np.where(y, high, low)
    spread = float(s.std()) or 1.0
    centre = float(s.mean())
    z = (s - centre) / spread  # Newton's steps then have one scale for both numbers
    slope, shift = 0.0, prior
    value = _loss(z, target, slope, shift)
    for _ in range(_STEPS):
        p = 0.5 + 0.5 * np.tanh(0.5 * (slope * z + shift))
        bend, pull = p * (1.0 - p), p - target
        hessian = np.array([[(bend * z * z).sum(), (bend * z).sum()], [(bend * z).sum(), bend.sum()]])
        hessian += _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, np.array([(pull * z).sum(), pull.sum()]))
        size = 1.0
        while size > _HALVED:
            tried = slope - size * step[0], shift - size * step[1]
            if (new := _loss(z, target, *tried)) <= value:
                break
            size /= 2.0
        else:
            break
        (slope, shift), gained, value = tried, value - new, new
        if gained < 1e-9:
            break
    if slope / spread < LEAST_SLOPE:  # scores that say nothing, or the opposite
        slope = LEAST_SLOPE * spread
    return float(slope / spread), float(shift - slope * centre / spread)


def _loss(z: Floats, target: Floats, slope: float, shift: float) -> float:
    odds = slope * z + shift
    return float((np.logaddexp(0.0, odds) - target * odds).sum())
