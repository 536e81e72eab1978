"""Which classes are taken for which: the largest counts off the diagonal, for a matrix too large to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

READABLE = 10  # classes up to which a drawn matrix has its counts written in


def top_confusions(table: ArrayLike, classes: Sequence[str], most: int = 12) -> list[dict[str, Any]]:
    """Return the most frequent errors of a confusion matrix int[C, C], rows the truth, the largest first.

    Each is a dict with true, predicted, n, and share: of the rows of that true class. A matrix of at most `READABLE`
    classes gives none: it says the same itself.
    """
    counts = np.asarray(table, dtype=np.int64)
    if len(classes) <= READABLE or not counts.size:
        return []
    wrong, total = counts - np.diag(np.diag(counts)), counts.sum(axis=1)
    order = np.argsort(-wrong.ravel(), kind="stable")[:most]
    return [
        {"true": classes[i], "predicted": classes[j], "n": int(wrong[i, j]), "share": float(wrong[i, j] / total[i])}
        for i, j in (divmod(int(cell), len(classes)) for cell in order)
        if wrong[i, j]
    ]
