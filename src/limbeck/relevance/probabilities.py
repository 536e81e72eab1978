"""What the teachers said: checked once, then read as votes, logits and means that skip abstentions.

Teachers' answers are ``P: float[K, N, C]``: K teachers, N rows, C classes; a row of NaN is an abstention.
Everything here goes one teacher at a time, so that 64 teachers on a million rows need no second copy of P.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.messages.judgements import Judgement, judgements
from limbeck.messages.message import Message

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FLOOR = 1e-6  # probabilities are kept this far from 0 and 1 before a logarithm
_SUM_TOLERANCE = 1e-3
_TIE = 1e-9  # fused answers that differ by less tie


@dataclass(frozen=True)
class Fused:
    """A second result: what the teachers say together, and how far each was trusted.

    ``probabilities`` float64[N, C]; ``relevance`` float64[K] or [K, N], on the scale its calculator documents;
    ``notes`` are messages for the trust report.
    """

    probabilities: Floats
    relevance: Floats
    notes: tuple[Message, ...] = ()

    @property
    def judgements(self) -> frozenset[Judgement]:
        """What the notes say of the panel as a whole."""
        return judgements(self.notes)


def checked(P: ArrayLike) -> Floats:
    """Return answers as float32 or float64[K, N, C], or say which teacher and row is wrong (both from 0).

    Raises
    ------
    LimbeckError
        For a shape that is not [K >= 1, N >= 1, C >= 2], an infinite or negative number, a row that is NaN in part,
        and a row that is further than 1e-3 from summing to one.
    """
    P = np.asarray(P)
    if P.dtype not in (np.float32, np.float64):
        P = P.astype(np.float64)
    if P.ndim != 3 or P.shape[0] < 1 or P.shape[1] < 1:
        raise LimbeckError(
            f"answers have the shape {P.shape}, not (teachers, rows, classes)",
            fix="give one or more teachers and rows",
        )
    if P.shape[2] < 2:
        raise LimbeckError("answers have one class only", fix="give a probability for each class, at least two")
    for k, answers in enumerate(P):
        total = answers.sum(axis=1)
        if np.isfinite(total).all() and answers.min() >= 0 and np.abs(total - 1).max() <= _SUM_TOLERANCE:
            continue
        empty = np.isnan(answers)
        faults = {
            "is NaN for some classes only": empty.any(axis=1) & ~empty.all(axis=1),
            "holds an infinite number": np.isinf(answers).any(axis=1),
            "holds a negative probability": (answers < 0).any(axis=1),
            "does not sum to one": np.abs(total - 1) > _SUM_TOLERANCE,
        }
        for fault, rows in faults.items():
            if rows.any():
                raise LimbeckError(
                    f"the answer {fault}",
                    where=f"teacher {k}, row {int(rows.argmax())}",
                    fix="a teacher gives probabilities that sum to one, or NaN for every class to abstain",
                )
    return P


def answered(P: ArrayLike) -> Bools:
    """Return bool[N]: at least one teacher answered the row."""
    return np.asarray(~np.isnan(np.asarray(P)[:, :, 0]).all(axis=0))


def logit(answers: Floats, c: int) -> Floats:
    """Return log-odds float64[N] of class c against the rest, NaN where the teacher abstains.

    answers float[N, C]. The rest is summed rather than subtracted from one: half-precision answers keep small
    numbers exactly and round those near one away.
    """
    one = answers[:, c].astype(np.float64)
    rest = answers[:, 1 - c] if answers.shape[1] == 2 else answers.sum(axis=1) - one
    return np.asarray(np.log(np.maximum(one, FLOOR)) - np.log(np.maximum(rest, FLOOR)), dtype=np.float64)


def entropy(q: Floats) -> Floats:
    """Return the entropy of each distribution over the last axis, as a share of log C: 0 certain, 1 no idea."""
    return np.asarray(-(q * np.log(np.maximum(q, 1e-300))).sum(axis=-1) / np.log(q.shape[-1]))


def votes(answers: Floats) -> Ints:
    """Return int64[N], the likeliest class of answers float[N, C]; -1 for an abstention, and where several tie."""
    told = vote_shares(answers).max(axis=1, initial=0) == 1
    return np.where(told, np.nan_to_num(answers).argmax(axis=1), -1).astype(np.int64)


def top_shares(Q: Floats) -> Floats:
    """Return float64[N, C]: one for the likeliest class of fused answers, shared where they tie but for rounding.

    So a row that tells no class from another counts for all alike, and not for the class that is named first.
    """
    best = Q.max(axis=1, keepdims=True) - _TIE <= Q
    return np.asarray(best / np.maximum(best.sum(axis=1, keepdims=True), 1))


def class_shares(Q: Floats) -> Floats:
    """Return the share of rows of Q float[N, C] that each class is the likeliest of, float64[C]; ties are shared."""
    return np.asarray(top_shares(Q).mean(axis=0))


def vote_shares(answers: Floats) -> Floats:
    """Return float64[N, C]: one for the likeliest class, shared among exact ties; zeros for an abstention."""
    best = answers == answers.max(axis=1, keepdims=True)
    return np.asarray(best / np.maximum(best.sum(axis=1, keepdims=True), 1))


def weighted_mean(P: Floats, weights: Floats) -> Floats:
    """Return float64[N, C], the mean over those who answered; NaN where their weights sum to zero.

    P float[K, N, C]; weights float[K] or [K, N], not negative.
    """
    total, weight = np.zeros(P.shape[1:]), np.zeros(P.shape[1])
    for answers, given in zip(P, weights, strict=True):
        w = np.where(np.isnan(answers[:, 0]), 0.0, given)
        total += w[:, None] * np.nan_to_num(answers)
        weight += w
    return np.asarray(np.divide(total, weight[:, None], out=np.full_like(total, np.nan), where=weight[:, None] > 0))


def fused(Q: Floats, relevance: Floats, notes: Sequence[Message] = ()) -> Fused:
    """Finish a result: rows sum to one, and a row that nobody answered (NaN) gets the average of the others."""
    empty = np.isnan(Q).any(axis=1)
    Q = Q / Q.sum(axis=1, keepdims=True)
    if empty.any():
        Q[empty] = 1 / Q.shape[1] if empty.all() else Q[~empty].mean(axis=0)
    return Fused(Q, np.asarray(relevance, dtype=np.float64), tuple(notes))


def cut_for(scores: Floats, rate: float) -> float:
    """Return the cut of scores float[N] that a share ``rate`` of them lies above.

    Where many scores are equal, as those of rules are, a quantile is one of them and would make a tie of all these
    rows. Then the cut is half-way to the next score, on the side that leaves the share nearer to the rate, and never
    beyond all scores.
    """
    cut = float(np.quantile(scores, 1.0 - rate))
    below, above = scores[scores < cut - _TIE], scores[scores > cut + _TIE]
    if len(scores) - len(below) - len(above) < 2 or not (len(below) or len(above)):
        return cut
    with_them, without = abs(1 - len(below) / len(scores) - rate), abs(len(above) / len(scores) - rate)
    if len(below) and len(above) and abs(with_them - without) <= _TIE:
        return cut
    if not len(above) or (len(below) and with_them < without):
        return (cut + float(below.max())) / 2
    return (cut + float(above.min())) / 2


def some_rows(n: int, most: int, seed: int = 0) -> Ints | slice:
    """Return all rows, or a seeded sample of ``most`` of them in rising order."""
    if n <= most:
        return slice(None)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
