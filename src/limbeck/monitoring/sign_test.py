"""A sign test that one may look at after every row, and how many more rows it is likely to need.

A fair coin is held against one of unknown bias, uniform over 0 to 1 (Robbins 1970, "Statistical methods related to the
law of the iterated logarithm"; Ramdas et al. 2023, "Game-theoretic statistics and safe anytime-valid inference"). With
s heads and f tails the evidence against fairness is 2^n s! f! / (n + 1)!. Of a fair coin it is a martingale with mean
1, so by Ville's inequality it ever reaches E with probability 1 / E at most, and by symmetry half of that on the side
of heads.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ENOUGH = 10.0  # evidence: at most 1 in 10 fair coins ever reaches it, 1 in 20 on either side
LONGEST = 2000  # throws ahead that are looked at


def evidence(heads: int, tails: int) -> float:
    """Return the evidence that a coin is not fair, 1 before the first throw."""
    return math.exp(min(_log_evidence(heads, tails), 700.0))


def interval(heads: int, tails: int) -> tuple[float, float]:
    """Return the shares of heads that are not refuted: 90 % confident at all times at once, 95 % on each side."""
    n = heads + tails
    if not n:
        return 0.0, 1.0
    grid = np.linspace(0.0, 1.0, 2001)[1:-1]
    log_mixture = math.lgamma(heads + 1) + math.lgamma(tails + 1) - math.lgamma(n + 2)
    kept = grid[log_mixture - heads * np.log(grid) - tails * np.log1p(-grid) < math.log(ENOUGH)]
    low = 0.0 if not heads else float(kept[0])
    high = 1.0 if not tails else float(kept[-1])
    return low, high


def throws_needed(heads: int, tails: int, share: float, power: float = 0.9) -> int | None:
    """Return after how many more throws heads are found to prevail with probability ``power``, if their share is this.

    None where more than `LONGEST` are needed. Exact: the distribution of the count of heads is carried forward, less
    what has reached the evidence.
    """
    bounds = _bounds((heads + tails + LONGEST) // LONGEST * LONGEST + LONGEST)  # few different ones, that are kept
    alive: NDArray[np.float64] = np.ones(1)  # probability of heads, heads + 1, … without a decision
    for more in range(1, LONGEST + 1):
        grown = np.zeros(len(alive) + 1)
        grown[:-1] = alive * (1 - share)
        grown[1:] += alive * share
        decided = max(0, min(int(bounds[heads + tails + more]) - heads, len(grown)))
        alive = grown[:decided]
        if 1.0 - alive.sum() >= power:
            return more
    return None


def _log_evidence(heads: int, tails: int) -> float:
    n = heads + tails
    return n * math.log(2) + math.lgamma(heads + 1) + math.lgamma(tails + 1) - math.lgamma(n + 2)


@lru_cache(maxsize=8)
def _bounds(longest: int) -> NDArray[np.int64]:
    """Return the fewest heads of n throws that decide, int64[longest + 1]; n + 1 where none do."""
    found, heads = np.empty(longest + 1, dtype=np.int64), 0
    for n in range(longest + 1):
        heads = max(heads, n // 2 + 1)
        while heads <= n and _log_evidence(heads, n - heads) < math.log(ENOUGH):
            heads += 1
        found[n] = heads
        heads = min(heads, n)
    return found
