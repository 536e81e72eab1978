"""Accuracy of a model from reviewed rows that were not drawn evenly.

A queue shows doubtful rows first, so the share of right answers among all reviewed rows says nothing about the model.
Rows that were drawn at random do, and so does any row whose probability of being drawn is known: weighting by its
inverse makes up for it (Horvitz & Thompson 1952, as a ratio after Hájek 1971). The interval is Wilson's for the number
of evenly drawn rows that would be as precise (Korn & Graubard 1998), which holds near 0 and 1 and for few rows too;
rows that were sure to be reviewed add no doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.metrics.exact_tests import wilson


@dataclass(frozen=True)
class Audited:
    """A share with its 95 % interval, of so many reviewed rows; those drawn are as precise as so many drawn evenly."""

    value: float
    low: float
    high: float
    rows: int
    precise_as: float


def audited_share(hits: ArrayLike, probability: ArrayLike, *, to_come: bool = False) -> Audited:
    """Estimate a share of all rows, such as accuracy, from reviewed ones with unequal chances of review.

    Parameters
    ----------
    hits
        bool[N]: whether a reviewed row is one, e.g. was answered right.
    probability
        float[N] in (0, 1]: how likely each was to be reviewed, known from how rows were drawn and not from what the
        review found; 1 for rows that were sure to be. See `chances`.
    to_come
        The interval is for rows to come, of which all rows so far are a sample: it does not narrow to nothing where all
        of them are reviewed. Without it, it is for these rows alone.

    Raises
    ------
    LimbeckError
        For a probability that is none.
    """
    y, pi = np.asarray(hits, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if y.shape != pi.shape or not ((pi > 0) & (pi <= 1)).all():
        fix = "leave out rows that could not be drawn; they are no part of what the others stand for"
        raise LimbeckError("each row needs a probability above 0, up to 1", where="audited_share", fix=fix)
    if not len(y):
        return Audited(math.nan, 0.0, 1.0, 0, 0.0)
    weight, drawn = 1 / pi, (pi < 1) | to_come
    total = float(weight.sum())
    sure = float(y[~drawn].sum()) / total
    if not drawn.any():
        return Audited(sure, sure, sure, len(y), math.inf)
    w, hit = weight[drawn], y[drawn]
    part = float(w.sum()) / total
    share = float((w * hit).sum() / w.sum())
    # What a sample leaves out: a sample of half of all rows is twice as precise for these rows, not for those to come.
    without = np.ones(len(w)) if to_come else 1 - pi[drawn]
    size = float(w.sum() ** 2 / (without @ w**2))
    spread = float(without @ (w * (hit - share)) ** 2) / float(w.sum()) ** 2
    if spread > 0:
        size = min(size, share * (1 - share) / spread)
    low, high = wilson(share * size, size)
    return Audited(sure + part * share, sure + part * low, sure + part * high, len(y), size)


def chances(drawn: ArrayLike, chosen: ArrayLike, rows: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which reviewed rows count and the probability of each, for a queue with a random part.

    Rows that the queue chose stand for themselves alone: they were sure to be reviewed. Rows drawn at random from all
    ``rows`` stand for those that were not chosen; drawn ones that the queue would have chosen too are among the latter.

    Parameters
    ----------
    drawn, chosen
        bool[N] of the reviewed rows: drawn at random; chosen by the queue.
    rows
        How many rows there are in all, reviewed or not.

    Raises
    ------
    LimbeckError
        When more rows were reviewed than there are.
    """
    drawn, chosen = np.asarray(drawn, dtype=bool), np.asarray(chosen, dtype=bool)
    rest, sample = rows - int(chosen.sum()), int((drawn & ~chosen).sum())
    if rest < sample:
        raise LimbeckError(f"{len(drawn)} reviewed rows of {rows}", where="chances")
    probability = np.where(chosen, 1.0, sample / max(rest, 1))
    kept = np.flatnonzero(drawn | chosen)
    return kept, probability[kept]
