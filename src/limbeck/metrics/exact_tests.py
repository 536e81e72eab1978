"""Exact tests on counts, in plain NumPy: binomial, hypergeometric, Holm, Wilson."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def binomial_half(k: int, n: int) -> tuple[float, float]:
    """Return (P(X <= k), P(X = k)) of a fair coin thrown n times, summed in logarithms."""
    i = np.arange(1, n + 1)
    log_terms = np.concatenate([[0.0], np.cumsum(np.log((n - i + 1) / i))]) - n * math.log(2)
    return float(min(1.0, np.exp(log_terms[: k + 1]).sum())), float(np.exp(log_terms[k]))


def hypergeometric_tail(k: int, drawn: int, marked: int, total: int) -> float:
    """Return P(X >= k) marked items among ``drawn`` of ``total``, ``marked`` of which are (Fisher)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    x = np.arange(max(k, 0, drawn + marked - total), min(drawn, marked) + 1)
    if not len(x):
        return 0.0

    def choose(n: int, r: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(logs[n] - logs[r] - logs[n - r])

    terms = choose(marked, x) + choose(total - marked, drawn - x)
    whole = logs[total] - logs[drawn] - logs[total - drawn]
    return float(min(1.0, np.exp(terms - whole).sum()))


def holm(ps: Sequence[float]) -> list[float]:
    """Return p values corrected for having looked ``len(ps)`` times (Holm 1979)."""
    adjusted, running = [0.0] * len(ps), 0.0
    for place, k in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        running = max(running, min(1.0, ps[k] * (len(ps) - place)))
        adjusted[k] = running
    return adjusted


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of n rows (Wilson 1927); (0, 1) for none.

    Neither needs to be whole: n may be the number of evenly drawn rows that would be as precise as a weighted sample.
    """
    if not n:
        return 0.0, 1.0
    z = 1.959963984540054
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def unless_sure(span: Sequence[float] | None, share: float, units: int) -> list[float] | None:
    """Return the interval of a share; of all or none that of Wilson over independent units.

    Every resample of rows that are all right is all right: that says nothing of the rows to come.
    """
    return list(wilson(round(share * units), units)) if share in (0.0, 1.0) else None if span is None else list(span)
