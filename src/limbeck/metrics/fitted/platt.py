"""Scores of a yes-or-no question to probabilities: Platt scaling, ``p = sigmoid(slope * score + shift)``.

Platt 1999, "Probabilistic outputs for support vector machines", section 2.2: the targets are smoothed, which keeps a
handful of rows from asking for certainty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from limbeck.metrics.fitted.logistic_fit import fit_logistic

LEAST_SLOPE = 1e-3  # scores keep their order whatever the rows say
_FREE, _STEPS = 1e6, 200  # next to no penalty on the slope


def fit_platt(scores: ArrayLike, truth: ArrayLike) -> tuple[float, float]:
    """Return slope (at least 0.001) and shift of scores float[N] for truth bool[N].

    Without a row of either answer the slope is 1 and the shift that of their smoothed share.
    """
    from scipy.sparse import csr_array  # only training has it

    s, y = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    yes, no = int(y.sum()), int((~y).sum())
    if not yes or not no:
        return 1.0, float(np.log((yes + 1.0) / (no + 1.0))) - (float(s.mean()) if len(s) else 0.0)
    target = np.where(y, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))
    spread, centre = float(s.std()) or 1.0, float(s.mean())
    rows = csr_array(((s - centre) / spread)[:, None])
    even = np.full(len(s), 1.0 / len(s))
    slope, shift = map(float, fit_logistic(rows, target, even, strength=_FREE, iterations=_STEPS))
    slope = max(slope / spread, LEAST_SLOPE)  # scores may say nothing, or the opposite
    return slope, shift - slope * centre
