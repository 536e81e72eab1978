"""Is a candidate better than the model in use? A verdict on audited rows that neither has learned from.

Rows on which both are right, or both wrong, say nothing about which is better (McNemar 1947). Of the others each is a
throw of a coin that is fair where the two are equally good. People look at the verdict again after every few reviews,
so the coin is tested by `limbeck.monitoring.sign_test`, which allows for that: of candidates that are no better at most
5 % are ever found better, however often one looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, message
from limbeck.metrics.exact_tests import wilson
from limbeck.metrics.paired import mcnemar
from limbeck.monitoring.sign_test import ENOUGH, evidence, interval, throws_needed

WORTH = 0.02  # difference in accuracy that should not be missed
BETTER, WORSE, SAME, OPEN = "better", "worse", "same", "open"


@dataclass(frozen=True)
class Verdict:
    """What audited rows say of a candidate.

    Attributes
    ----------
    state
        ``"better"``, ``"worse"``, ``"same"`` (they differ on too few rows for a difference that matters) or ``"open"``.
    rows, differing, gained, lost
        Audited rows; those on which the answers differ; those that only the candidate has right, only the current one.
    difference, low, high
        Of accuracy, candidate minus current, -1 to 1, with bounds that hold at all times at once, each with 95 %; the
        share of differing rows is taken as known.
    p
        Of McNemar's test as if one looked once; to compare with other tools, not what the state rests on.
    more, more_differing
        For an open verdict: audited rows drawn at random that would find a difference of ``worth`` with a probability
        of at least 80 %, and how many of them the two answer differently: only these have to be reviewed. None
        where no number of rows that is worth it would tell.
    sentence
        The verdict as a coded message.
    """

    state: str
    rows: int
    differing: int
    gained: int
    lost: int
    difference: float
    low: float
    high: float
    p: float
    more: int | None
    more_differing: int | None
    sentence: Message


def verdict(
    y: ArrayLike, current: ArrayLike, candidate: ArrayLike, *, disagreement: float | None = None, worth: float = WORTH
) -> Verdict:
    """Hold a candidate's decisions int64[N] against the current model's, on audited rows with the labels y int64[N].

    The rows have to be drawn at random from those that come in, and none may have been learned from by either.

    Parameters
    ----------
    disagreement
        Share of incoming rows that the two answer differently, where that is known from more rows than the audited
        ones: it needs no labels.
    worth
        Smallest difference in accuracy that matters, 0 to 1.

    Raises
    ------
    LimbeckError
        When the three are not of one length.
    """
    y, a, b = (np.asarray(values) for values in (y, current, candidate))
    if not y.shape == a.shape == b.shape:
        raise LimbeckError(f"{len(b)} and {len(a)} answers for {len(y)} labels", where="verdict")
    differing, gained, lost = int((a != b).sum()), int(((b == y) & (a != y)).sum()), int(((a == y) & (b != y)).sum())
    rows, one_right = len(y), gained + lost
    share = (differing / rows if rows else 0.0) if disagreement is None else disagreement
    decisive_share = (one_right + 1) / (differing + 1)  # of differing rows, those that one of the two has right
    scale = share * (one_right / differing if differing else 1.0)
    bounds = interval(gained, lost)
    difference = (gained - lost) / rows if rows else 0.0
    low, high = (scale * (2 * bound - 1) for bound in bounds)
    facts: dict[str, float] = {"rows": rows, "gained": gained, "lost": lost, "points": 100 * difference}
    state, more, more_differing = OPEN, None, None
    widest = (wilson(differing, rows)[1] if disagreement is None else disagreement) if rows else 1.0
    if evidence(gained, lost) >= ENOUGH:
        state = BETTER if gained > lost else WORSE
        facts |= {"low": 100 * low, "high": 100 * high}
        sentence = message("verdict.better", **facts) if gained > lost else message("verdict.worse", **facts)
    elif widest < worth:
        state, sentence = SAME, message("verdict.same", rows=rows, share=100 * widest, worth=100 * worth)
    else:
        # Of few audited rows the share is hardly known; too low a one would ask for too few.
        rate = max(share if disagreement is not None else widest, worth) * decisive_share
        throws = throws_needed(gained, lost, min(1.0, 0.5 + worth / (2 * max(rate, worth))))
        if throws is None:
            sentence = message("verdict.far", **facts, worth=100 * worth)
        else:
            more = _rounded(throws / rate)
            more_differing = math.ceil(more * rate / decisive_share)
            sentence = message("verdict.open", **facts, more=more, review=more_differing, worth=100 * worth)
    p = mcnemar(y, a, b)[1]
    return Verdict(state, rows, differing, gained, lost, difference, low, high, p, more, more_differing, sentence)


def _rounded(rows: float) -> int:
    """Return a number of rows, up to the next ten, from 1,000 on to the next hundred."""
    step = 100 if rows >= 1000 else 10
    return math.ceil(rows / step) * step
