"""How far people agree beyond chance: Cohen's kappa of two, Fleiss' kappa of several.

Cohen 1960, "A Coefficient of Agreement for Nominal Scales"; Fleiss 1971, "Measuring Nominal Scale Agreement Among Many
Raters".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def cohen_kappa(one: Sequence[object], other: Sequence[object]) -> float | None:
    """Return Cohen's kappa of two people's labels of the same N rows; None where it is not defined.

    It is not defined for no rows, and where both gave one and the same label throughout: agreement by chance is then 1.

    Raises
    ------
    ValueError
        When the two have different lengths.
    """
    if len(one) != len(other):
        raise ValueError(f"two people labelled {len(one)} and {len(other)} rows")
    classes = {label: at for at, label in enumerate(dict.fromkeys([*one, *other]))}
    table = np.zeros((len(classes), len(classes)))
    for a, b in zip(one, other, strict=True):
        table[classes[a], classes[b]] += 1
    if not len(one):
        return None
    table /= len(one)
    return _beyond_chance(float(np.trace(table)), float(table.sum(0) @ table.sum(1)))


def fleiss_kappa(counts: ArrayLike) -> float | None:
    """Return Fleiss' kappa; None where it is not defined, as for `cohen_kappa`.

    Parameters
    ----------
    counts
        How many people gave each class to each row, int [N, C]; every row has the same number of people, two or more.

    Raises
    ------
    ValueError
        When rows have different numbers of people, or fewer than two.
    """
    given = np.asarray(counts, dtype=np.float64)
    if not given.size:
        return None
    people = given.sum(1)
    if people[0] < 2 or (people != people[0]).any():
        raise ValueError("every row needs the same number of people, two or more")
    pairs = people[0] * (people[0] - 1)
    observed = float(((given**2).sum(1) - people[0]).mean() / pairs)
    return _beyond_chance(observed, float(((given.sum(0) / given.sum()) ** 2).sum()))


def _beyond_chance(observed: float, chance: float) -> float | None:
    return None if np.isclose(chance, 1.0) else (observed - chance) / (1 - chance)
