"""A scenario as a target: its rows, what strangers say of them, and for those that are known the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.relevance.probabilities import Floats, Ints

Scores = NDArray[np.float64]  # log-probabilities float64 [M, C] up to a constant in each row


@dataclass(frozen=True)
class Scene:
    """M rows of one scenario.

    Attributes
    ----------
    answers
        float[K, M, C] of all teachers, NaN rows abstain.
    own
        The teacher that learned from this very scenario; it is no stranger and has no say here. None for the target.
    pooled
        Name -> float64[M, C]: answers of classifiers of all other scenarios together.
    features, compact
        The rows as [M, F], dense or sparse, in a frame of their own, and as float64[M, D] in one that all share.
    labels
        int64[M]; None for the target.
    """

    answers: Floats
    features: Any
    compact: Floats
    own: int | None = None
    pooled: Mapping[str, Floats] = field(default_factory=dict)
    labels: Ints | None = None

    @property
    def strangers(self) -> Ints:
        """The teachers that have a say, int64."""
        known = np.arange(len(self.answers))
        return known if self.own is None else np.delete(known, self.own)

    @property
    def heard(self) -> Floats:
        """Their answers float[K', M, C]."""
        return self.answers[self.strangers]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.answers.shape[2])

    def rows(self, chosen: Ints) -> Scene:
        """Return the scene with some of its rows."""
        return replace(
            self,
            answers=self.answers[:, chosen],
            features=self.features[chosen],
            compact=self.compact[chosen],
            pooled={name: answers[chosen] for name, answers in self.pooled.items()},
            labels=None if self.labels is None else self.labels[chosen],
        )


def at_rate(labels: Ints, rate: float, most: int, rng: np.random.Generator, *, one: int = 1) -> Ints:
    """Return rising row numbers, at most ``most``, among which class ``one`` has a share ``rate``.

    Empty where fewer than 10 rows of either side or 60 in all can be had.
    """
    inside, outside = np.flatnonzero(labels == one), np.flatnonzero((labels != one) & (labels >= 0))
    count = min(len(inside) / rate, len(outside) / (1 - rate), most)
    a, b = int(count * rate), int(count * (1 - rate))
    if min(a, b) < 10 or a + b < 60:
        return np.empty(0, dtype=np.int64)
    chosen = np.concatenate([rng.choice(inside, a, replace=False), rng.choice(outside, b, replace=False)])
    return np.asarray(np.sort(chosen), dtype=np.int64)
