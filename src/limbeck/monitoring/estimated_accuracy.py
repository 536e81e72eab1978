"""Accuracy on rows without labels, as calibrated probabilities lead one to expect it, and when not to trust that.

A decision for a class that has the calibrated probability q is right with probability q, so expected accuracy is the
mean of q over the decisions (confidence-based performance estimation; Guo et al. 2017 on what calibration means,
Guillory et al. 2021 and Garg et al. 2022 on how far such estimates go under shift). It knows nothing of words whose
meaning changed, and of rows that are all unlike those of training it is off by several points. Audited rows measure
what this only expects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck.messages.message import Message, message

FEWEST = 100  # rows
FOREIGN = 0.9  # area under the ROC curve from which on few rows are like those of training
# Error of the estimate beyond that of sampling: a bound above the root mean square, 0.03, of how far estimates were off
# on ten review domains that the model had not seen (benchmarks/loop.py).
_MISFIT = 0.035


@dataclass(frozen=True)
class Estimated:
    """Expected accuracy with bounds that hold in about 95 of 100 cases; ``warning`` says why not to trust it, if so."""

    value: float
    low: float
    high: float
    rows: int
    warning: Message | None

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against it."""
        return self.warning is None


def estimated_accuracy(p: ArrayLike, decided: ArrayLike, *, apart: float | None = None) -> Estimated:
    """Estimate accuracy from calibrated probabilities float[N, C] and decided classes int64[N], -1 for none.

    Parameters
    ----------
    apart
        Area under the ROC curve of telling these rows from earlier ones, see `limbeck.monitoring.two_samples`.
    """
    scores, chosen = np.asarray(p, dtype=np.float64), np.asarray(decided, dtype=np.int64)
    good = np.flatnonzero(chosen >= 0)
    q = scores[good, chosen[good]]
    if not len(q):
        return Estimated(math.nan, 0.0, 1.0, 0, message("expected_accuracy.few", rows=0, enough=FEWEST))
    value = float(q.mean())
    error = 1.96 * math.sqrt(float((q * (1 - q)).mean()) / len(q) + _MISFIT**2)
    warning = None
    if len(q) < FEWEST:
        warning = message("expected_accuracy.few", rows=len(q), enough=FEWEST)
    elif apart is not None and apart >= FOREIGN:
        warning = message("expected_accuracy.foreign", share=100 * apart)
    return Estimated(value, max(0.0, value - error), min(1.0, value + error), len(q), warning)
