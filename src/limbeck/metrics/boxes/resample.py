"""Intervals of AP by the bootstrap over pictures, or over groups of pictures (Efron & Tibshirani 1993, §13.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbeck.metrics.boxes.coco import MOST, SIZES, Found, Truth, curves, matched

DRAWS = 200  # at most: a draw counts all curves anew


def intervals(
    true: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], *, draws: int,
    groups: Sequence[str] | None = None, seed: int = 0,
) -> dict[str, list[float]]:  # fmt: skip
    """Return the 95 % intervals of ``ap``, ``ap50`` and ``ap75`` as [low, high]; empty without draws or pictures.

    Parameters
    ----------
    groups
        A name for each picture; pictures of one name are drawn together.
    """
    draws = min(draws, DRAWS)
    if not draws or len(true) < 2:
        return {}
    parts = [
        [matched(*one.of(kind), *other.of(kind), SIZES["all"]) for one, other in zip(found, true, strict=True)]
        for kind in range(len(classes))
    ]
    names = np.unique(
        np.array(groups if groups is not None else range(len(true)), dtype=object).astype(str), return_inverse=True
    )[1]
    members = [np.flatnonzero(names == at) for at in range(int(names.max()) + 1)]
    random = np.random.default_rng(seed)
    values: dict[str, list[float]] = {"ap": [], "ap50": [], "ap75": []}
    for _ in range(draws):
        drawn = np.concatenate([members[at] for at in random.integers(0, len(members), len(members))])
        every = [curves([own[at] for at in drawn], MOST[-1]) for own in parts]
        precision = [one.precision for one in every if one is not None]
        if precision:
            mean = np.mean(precision, axis=0)
            for name, value in (("ap", mean), ("ap50", mean[0]), ("ap75", mean[5])):
                values[name].append(float(value.mean()))
    return {name: [float(cut) for cut in np.quantile(list_, (0.025, 0.975))] for name, list_ in values.items() if list_}
