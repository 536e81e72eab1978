"""Rows whose label is probably wrong, the most doubtful first.

The order is by self-confidence: the probability that a model which has not learned from a row gives to its label
(Northcutt et al. 2021, "Confident Learning", section 3). Measured by benchmarks/loop.py: with 5 % of labels flipped and
as many suspects, two thirds of the suspects among texts were flipped, and half of those among rows of a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.data.split import folds as deal
from limbeck.errors import LimbeckError

FOLDS = 5
Fit = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Suspect:
    """A row, the probability given to its label, and the class that is likelier with its probability."""

    row: int
    self_confidence: float
    instead: int
    probability: float


def suspects(labels: ArrayLike, p: ArrayLike, *, most: int | None = None) -> list[Suspect]:
    """Return the rows of which another class is likelier than the label, the least self-confident first.

    labels int64[N], -1 where there is none; p float[N, C] from a model that has not learned from the row, see
    `out_of_fold`.

    Raises
    ------
    LimbeckError
        When the two do not fit.
    """
    y, p = np.asarray(labels, dtype=np.int64), np.asarray(p, dtype=np.float64)
    if p.ndim != 2 or len(p) != len(y) or (len(y) and y.max() >= p.shape[1]):
        raise LimbeckError(f"{len(y)} labels do not fit probabilities of shape {p.shape}", where="suspects")
    rows = np.flatnonzero((y >= 0) & np.isfinite(p).all(axis=1))
    own, best = p[rows, y[rows]], p[rows].argmax(axis=1)
    doubtful = np.flatnonzero(best != y[rows])
    order = doubtful[np.argsort(own[doubtful], kind="stable")][:most]
    return [
        Suspect(int(rows[at]), float(own[at]), int(best[at]), float(p[rows[at], best[at]])) for at in order.tolist()
    ]


def out_of_fold(labels: ArrayLike, fit: Fit, *, classes: int, folds: int = FOLDS, seed: int = 0) -> NDArray[np.float64]:
    """Return float64[N, classes]: each row's answer by a model that learned from the other folds.

    Parameters
    ----------
    labels
        int64[N]; folds have equal shares of each.
    fit
        Given the rows to learn from and those to answer, int64 each, returns their probabilities float[M, classes].

    Raises
    ------
    LimbeckError
        When there are fewer rows than folds.
    """
    y = np.asarray(labels, dtype=np.int64)
    out = np.full((len(y), classes), np.nan)
    fold_of = deal(len(y), folds, y, seed=seed)
    for fold in range(folds):
        held = np.flatnonzero(fold_of == fold)
        out[held] = fit(np.flatnonzero(fold_of != fold), held)
    return out
