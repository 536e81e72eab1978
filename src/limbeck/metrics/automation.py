"""Coverage at a target accuracy: the share of rows that a classifier could answer without people.

Rows are taken by falling confidence, the probability of the answer. This is the risk-coverage curve of selective
classification (El-Yaniv and Wiener 2010, section 2), read at the accuracies that people ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

TARGETS = (0.95, 0.98, 0.99)
_LEAST = 20  # rows: of fewer, an accuracy of 95 % means nothing


@dataclass(frozen=True)
class Automatic:
    """Rows whose confidence is at least ``threshold``: their share of all, the ``coverage``, and their ``accuracy``.

    The ``target`` is the accuracy that was asked for; a coverage of 0 means that no threshold reaches it.
    """

    target: float
    coverage: float
    threshold: float
    rows: int
    accuracy: float


def automatic(
    y: ArrayLike, decided: ArrayLike, p: ArrayLike, targets: Sequence[float] = TARGETS
) -> tuple[Automatic, ...]:  # fmt: skip
    """Return, for each target accuracy, the most rows that reach it, those with the same score together.

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
    for target in targets:
        places = np.flatnonzero(usable & (right >= target * counts - 1e-9))
        if not len(places):
            found.append(Automatic(target, 0.0, 1.0, 0, 0.0))
            continue
        at = int(places[-1])
        found.append(
            Automatic(target, float(counts[at] / len(y)), float(ordered[at]), int(counts[at]), right[at] / counts[at])
        )
    return tuple(found)
