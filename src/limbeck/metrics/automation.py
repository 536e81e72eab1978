"""How much of the work a classifier could do alone: the share of rows whose answers are right often enough.

Rows are taken by falling confidence, the probability of the answer. This is the risk-coverage curve of selective
classification (El-Yaniv and Wiener 2010, section 2), read at the accuracies that people ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

RIGHT = (0.95, 0.98, 0.99)
_LEAST = 20  # rows: of fewer, a share of 95 % right means nothing


@dataclass(frozen=True)
class Automatic:
    """Rows whose confidence is ``cut`` or more: their ``share`` of all, how many, and how many of them are ``right``.

    ``wanted`` is the share of right answers that was asked for; a share of 0 means that no cut reaches it.
    """

    wanted: float
    share: float
    cut: float
    rows: int
    right: float


def automatic(
    y: ArrayLike, decided: ArrayLike, p: ArrayLike, wanted: Sequence[float] = RIGHT
) -> tuple[Automatic, ...]:  # fmt: skip
    """Return, for each wanted share of right answers, the most rows that reach it, those with the same score together.

    y and decided int64 [N], -1 where no class was decided; p float [N, C].
    """
    y, decided, p = np.asarray(y, np.int64), np.asarray(decided, np.int64), np.asarray(p, np.float64)
    if not len(y):
        return ()
    confidence = np.where(decided >= 0, p[np.arange(len(y)), np.maximum(decided, 0)], -1.0)
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum(decided[order] == y[order])
    counts = np.arange(1, len(y) + 1)
    ordered = confidence[order]
    whole = np.append(ordered[1:] < ordered[:-1], True)  # the last of each score
    usable = whole & (counts >= _LEAST) & (ordered >= 0)
    found = []
    for share in wanted:
        places = np.flatnonzero(usable & (right >= share * counts - 1e-9))
        if not len(places):
            found.append(Automatic(share, 0.0, 1.0, 0, 0.0))
            continue
        at = int(places[-1])
        found.append(
            Automatic(share, float(counts[at] / len(y)), float(ordered[at]), int(counts[at]), right[at] / counts[at])
        )
    return tuple(found)
