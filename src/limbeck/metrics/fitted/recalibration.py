"""A new temperature, offset and threshold for a classifier at a new place, from few rows of that place.

All functions take the logits of the model as it is, float [N, C] (log probabilities are logits too), and return how
these are changed: ``softmax(scale * z + offset)``. That is temperature scaling (Guo et al. 2017) with an offset for
each class, as Platt (1999) has for two. The order of rows by the probability of one of two classes stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.metrics.logits import softmax

Floats = NDArray[np.float64]
SMALLEST = float(np.finfo(np.float32).tiny)
_SPREAD = 2.0  # prior standard deviation of an offset, in logits
_RANGE = (0.05, 20.0)  # of a scale
_STEPS = 60


@dataclass(frozen=True)
class Change:
    """Logits z become ``scale * z + offset``; offset float [C]."""

    scale: float
    offset: Floats

    def applied(self, logits: ArrayLike) -> Floats:
        """Return probabilities float [N, C] of logits float [N, C]."""
        return softmax(self.scale * np.asarray(logits, dtype=np.float64) + self.offset)


def logits_of(p: ArrayLike) -> Floats:
    """Return logits float [N, C] of probabilities float32 [N, C]; those that are 0 count as the smallest number."""
    return np.asarray(np.log(np.maximum(np.asarray(p, dtype=np.float64), SMALLEST)))


def from_labels(logits: ArrayLike, y: ArrayLike) -> Change:
    """Return the change that labelled rows ask for: y int64 [N].

    It minimises the negative log-likelihood with the prior that little changes: scale 1 ± 1, offsets 0 ± 2. The prior
    weighs less than a few rows, and keeps rows that are all right from asking for certainty. The problem is convex;
    Newton's method solves it.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.int64)
    z = z - z.mean(axis=1, keepdims=True)
    n, classes = z.shape
    truth, theta = np.eye(classes)[y], np.array([1.0, *np.zeros(classes)])
    centre, weight = theta.copy(), np.array([1.0, *np.full(classes, _SPREAD**-2)])

    def loss(at: Floats) -> float:
        return float(
            -np.log(np.maximum(_told(z, at)[np.arange(n), y], 1e-300)).sum() + (weight * (at - centre) ** 2).sum() / 2
        )

    best = loss(theta)
    for _ in range(_STEPS):
        p = _told(z, theta)
        wrong = p - truth
        slope = np.concatenate([[(wrong * z).sum()], wrong.sum(axis=0)]) + weight * (theta - centre)
        step = np.linalg.solve(_curvature(z, p) + np.diag(weight), slope)
        size = 1.0
        while size > 1e-6 and loss(theta - size * step) > best:
            size /= 2
        theta = theta - size * step if size > 1e-6 else theta
        now = loss(theta)
        if best - now < 1e-9 * (1 + abs(best)):
            break
        best = now
    return Change(float(np.clip(theta[0], *_RANGE)), theta[1:] - theta[1:].mean())


def _told(z: Floats, theta: Floats) -> Floats:
    return softmax(theta[0] * z + theta[1:])


def _curvature(z: Floats, p: Floats) -> Floats:
    """Return the Hessian float [1 + C, 1 + C] of the log-likelihood in scale and offsets."""
    mean = (p * z).sum(axis=1)
    out = np.empty((1 + z.shape[1],) * 2)
    out[0, 0] = (p * z**2).sum() - (mean**2).sum()
    out[0, 1:] = out[1:, 0] = (p * (z - mean[:, None])).sum(axis=0)
    out[1:, 1:] = np.diag(p.sum(axis=0)) - p.T @ p
    return out


def from_rates(logits: ArrayLike, rates: ArrayLike) -> Change:
    """Return the offsets with which the mean probability of each class is its stated rate; the scale stays.

    rates float [C], above 0 and of sum 1. Without labels nothing tells how sure the model may be: a temperature would
    be a guess.
    """
    z, wanted = np.asarray(logits, dtype=np.float64), np.asarray(rates, dtype=np.float64)
    offset = np.zeros(z.shape[1])
    for _ in range(500):
        step = np.log(wanted / np.maximum(softmax(z + offset).mean(axis=0), 1e-12))
        offset = offset + step
        if np.abs(step).max() < 1e-9:
            break
    return Change(1.0, offset - offset.mean())


def cut_by_rate(scores: ArrayLike, rate: float) -> float:
    """Return the cut at which a share ``rate`` of the scores float [N] lies above, half-way between two of them."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    below = round((1.0 - rate) * len(ordered))
    below = min(max(below, 1), len(ordered) - 1)
    return float((ordered[below - 1] + ordered[below]) / 2)


def least_rows(rate: float) -> int:
    """Return how many normal rows it takes to hold a rate of false alarms."""
    return math.ceil(1.0 / rate - 1e-9) - 1


def cut_of_normal(scores: ArrayLike, rate: float) -> float:
    """Return a cut above which a new normal score lies with a chance of at most ``rate``, whatever their distribution.

    It lies just above the ceil((n + 1) (1 - rate))-th smallest of the normal scores float [n], half-way to the next
    one: the finite-sample correction of conformal prediction (Vovk et al. 2005).

    Raises
    ------
    LimbeckError
        When there are too few scores to hold the rate.
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    place = math.ceil((len(ordered) + 1) * (1.0 - rate) - 1e-9)
    if place > len(ordered):
        fix = f"give {least_rows(rate)} rows or more, or allow more false alarms"
        raise LimbeckError(f"{len(ordered)} normal rows are too few for a rate of false alarms of {rate:g}", fix=fix)
    above = ordered[ordered > ordered[place - 1]]
    spread = float(ordered[-1] - ordered[0]) / len(ordered) or 1e-3
    return float((ordered[place - 1] + above[0]) / 2) if len(above) else float(ordered[-1] + spread / 2)


def stated_rates(given: Mapping[str, float], classes: Sequence[str], where: str) -> dict[str, float]:
    """Return the rate of every class, of which one may be left to be what the others leave.

    Raises
    ------
    LimbeckError
        For an unknown class, a rate that is no share, classes without one, and rates that do not sum to 1.
    """
    for name, rate in given.items():
        if name not in classes:
            raise LimbeckError(f"{name!r} is no class", where=where, fix=did_you_mean(name, classes))
        if not 0 < rate < 1:
            raise LimbeckError(f"the rate of {name!r} is {rate:g}", where=where, fix="give shares between 0 and 1")
    missing, total = [name for name in classes if name not in given], float(sum(given.values()))
    if len(missing) == 1 and total < 1:
        return {name: given.get(name, 1 - total) for name in classes}
    if missing or abs(total - 1) > 0.01:
        lacking = f"{len(missing)} classes have none: {', '.join(missing[:8])}"
        what = lacking if missing else f"they sum to {total:g}"
        raise LimbeckError(what, where=where, fix="give all classes, or all but one; their sum is 1")
    return {name: given[name] / total for name in classes}
