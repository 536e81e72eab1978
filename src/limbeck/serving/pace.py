"""How long a model takes for a batch, learned from the batches before."""

from __future__ import annotations

import numpy as np


class Pace:
    """What a batch takes: a fixed part and a part that grows with its cost, by least squares over recent batches.

    ``rate`` is what waiting work takes, in seconds for each unit of cost: with all that happens between two batches.
    """

    _KEPT = 0.98  # weight of the past when one batch more is seen

    def __init__(self) -> None:
        self._sums = np.zeros(6)  # of 1, cost, seconds, cost squared, cost times seconds, seconds with what is between
        self.fixed, self.each, self.rate = 0.0, 0.0, 0.0

    def observe(self, cost: int, seconds: float, between: float = 0.0) -> None:
        """Learn from a batch, and from the seconds that passed between the one before and this one."""
        self._sums = self._sums * self._KEPT + (1, cost, seconds, cost * cost, cost * seconds, seconds + between)
        n, c, t, cc, ct, whole = self._sums.tolist()
        spread = cc - c * c / n
        self.rate = whole / c
        # Where batches are all alike the slope is mostly noise: it is a fifth of the mean at least.
        self.each = max((ct - c * t / n) / spread, 0.2 * t / c) if spread > 1e-6 * cc else t / c
        self.fixed = max((t - self.each * c) / n, 0.0)
        if self.fixed == 0.0:
            self.each = t / c

    def seconds(self, cost: int) -> float:
        """Return what a batch of this cost is expected to take."""
        return self.fixed + self.each * cost
