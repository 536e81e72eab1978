"""Which of many units in a line matter, by removing groups of them and looking closer where much is lost.

With up to `GROUPS` units each is removed alone. With more, groups of neighbours are removed, and those that lose most
are cut into smaller ones until their units stand alone: `most_asked` bounds how often the model is asked for one row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Group = tuple[int, int, int]  # row, first unit, and the unit behind the last
GROUPS = 32  # of a row at first
CLOSER, PIECES = 6, 4  # groups of a row that are looked at closer, and how many pieces each is cut into


def most_asked(units: int) -> int:
    """Return how often the model is asked at most for a row of so many units."""
    asked, largest = min(units, GROUPS), -(-units // GROUPS)
    while largest > 1:
        asked += CLOSER * PIECES
        largest = -(-largest // PIECES)
    return asked


def narrowed(counts: Sequence[int], lost: Callable[[list[Group]], Floats]) -> list[Floats]:
    """Return for each row of ``counts`` units float64 [units], what each unit is worth.

    A unit in a group that was not cut further gets an equal part of what the group is worth.

    Parameters
    ----------
    lost
        What is lost, float64 [G], when each of G groups is removed alone; asked once for every round.
    """
    worth = [np.zeros(count) for count in counts]
    asked = [group for row, count in enumerate(counts) for group in _cut(row, 0, count, GROUPS)]
    while asked:
        found = lost(asked)
        for (row, first, behind), value in zip(asked, found.tolist(), strict=True):
            worth[row][first:behind] = value / (behind - first)
        wide: dict[int, list[tuple[float, Group]]] = {}
        for group, value in zip(asked, found.tolist(), strict=True):
            if group[2] - group[1] > 1:
                wide.setdefault(group[0], []).append((-abs(value), group))
        asked = [
            piece
            for groups in wide.values()
            for _, (row, first, behind) in sorted(groups)[:CLOSER]
            for piece in _cut(row, first, behind, PIECES)
        ]
    return worth


def _cut(row: int, first: int, behind: int, pieces: int) -> list[Group]:
    """Cut a range of units into as many pieces of about the same size, or into single units where there are fewer."""
    edges = np.linspace(first, behind, min(pieces, behind - first) + 1).round().astype(int).tolist()
    return [(row, low, high) for low, high in itertools.pairwise(edges) if high > low]
