"""Which words have become more or less frequent between two sets of texts.

Log-odds of a word's share of texts with a Dirichlet prior of all texts together, over its standard error (Monroe,
Colaresi & Quinn 2008, "Fightin' Words", equations 16 and 22): rare words have to differ much more than common ones to
be named. Only words beyond what chance gives among as many words (Bonferroni) are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

_PRIOR = 0.1  # of the counts of all texts together


class ChangedWord(NamedTuple):
    """A word, how many texts of the reference and of the window have it, and its z: above 0 where it became usual."""

    word: str
    reference: int
    window: int
    z: float


def changed_words(
    reference: Sequence[Iterable[str]], window: Sequence[Iterable[str]], *, most: int = 20, level: float = 0.05
) -> list[ChangedWord]:
    """Return the words that changed most, the largest change first; each text is given as its words."""
    old = Counter(word for text in reference for word in set(text))
    new = Counter(word for text in window for word in set(text))
    names = sorted(old.keys() | new.keys())
    if not names or not reference or not window:
        return []
    a, b = (np.array([count[name] for name in names], dtype=np.float64) for count in (old, new))
    prior = _PRIOR * (a + b) + 0.01
    with np.errstate(divide="ignore"):
        odds = [
            np.log(count + prior) - np.log(texts + _PRIOR * texts - count - prior + 1.0)
            for count, texts in ((a, len(reference)), (b, len(window)))
        ]
    z = (odds[1] - odds[0]) / np.sqrt(1 / (a + prior) + 1 / (b + prior))
    least = NormalDist().inv_cdf(1 - level / (2 * len(names)))
    order = np.argsort(-np.abs(np.nan_to_num(z)), kind="stable")[:most]
    return [ChangedWord(names[at], int(a[at]), int(b[at]), float(z[at])) for at in order.tolist() if abs(z[at]) > least]
