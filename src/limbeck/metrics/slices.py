"""Where it fails: the worst slices of the rows, and the rows it got most confidently wrong.

A slice is tested against the other rows with Fisher's exact test, one-sided, and the p values are corrected
for the number of slices looked at (Holm 1979), as the worst of many slices looks bad by chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.metrics import exact_tests as exact
from limbeck.metrics.measure import decide

LENGTH = "length"
MISSING = "(missing)"
LEVEL = 0.05
_BINS = 5


def worst_slices(
    y: ArrayLike,
    pred: ArrayLike,
    columns: Mapping[str, Sequence[str | None]],
    lengths: ArrayLike | None = None,
    *,
    min_rows: int = 30,
) -> list[dict[str, Any]]:
    """Return the slices of at least ``min_rows`` rows, worst accuracy first.

    y, pred int64[N]; each column N values (None becomes "(missing)"); lengths float[N] are cut into five
    quantile bins. A slice that holds every row is left out. Each dict has ``column, value, n, accuracy, low,
    high`` (Wilson 95 %), ``difference`` from the whole, ``p``, ``p_holm`` and ``below`` (bool: significantly
    below the other rows).

    Raises
    ------
    ValueError
        When a column has another number of rows.
    """
    right = np.asarray(y) == np.asarray(pred)
    total, wrong = len(right), int((~right).sum())
    found: list[dict[str, Any]] = []
    for column, value, member in _slices(total, columns, lengths):
        n, hits = int(member.sum()), int(right[member].sum())
        if n < max(min_rows, 1) or n == total:
            continue
        low, high = exact.wilson(hits, n)
        found.append(
            {
                "column": column,
                "value": value,
                "n": n,
                "accuracy": hits / n,
                "low": low,
                "high": high,
                "difference": hits / n - (total - wrong) / total,
                "p": exact.hypergeometric_tail(n - hits, n, wrong, total),
            }
        )
    for row, p in zip(found, exact.holm([row["p"] for row in found]), strict=True):
        row |= {"p_holm": p, "below": p < LEVEL}
    return sorted(found, key=lambda row: (row["accuracy"], row["column"], row["value"]))


def worst_rows(
    y: ArrayLike, p: ArrayLike, k: int = 20, *, threshold: float = 0.5, positive: int | None = None
) -> NDArray[np.int64]:
    """Return up to k indices int64[≤k] of wrong rows, the most confidently wrong first.

    Wrong means that the decided class of p float[N, C] is not y int64[N]. The order is by how far its probability
    exceeds the true class's; of two classes, by how much of the way from ``threshold`` to certainty the probability of
    ``positive`` (default 1) has gone, which at 0.5 is the same. Equal ones stay in row order.
    """
    y, cells = np.asarray(y, dtype=np.int64), np.asarray(p)
    p = cells.astype(np.float64)
    if p.shape[1] == 2:
        one = 1 if positive is None else positive
        wrong = np.flatnonzero(decide(cells, threshold, one) != y)
        beyond = p[wrong, one] - threshold
        way = np.where(y[wrong] == one, threshold, 1.0 - threshold)
        excess = np.abs(beyond) / np.maximum(way, 1e-12)
        return wrong[np.argsort(-excess, kind="stable")[:k]]
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    excess = p[wrong].max(axis=1, initial=0.0) - p[wrong, y[wrong]]
    return wrong[np.argsort(-excess, kind="stable")[:k]]


def _slices(
    total: int, columns: Mapping[str, Sequence[str | None]], lengths: ArrayLike | None
) -> list[tuple[str, str, NDArray[np.bool_]]]:
    parts = []
    for column, raw in columns.items():
        if len(raw) != total:
            raise ValueError(f"column {column!r} has {len(raw)} values for {total} rows")
        values = np.array([MISSING if value is None else str(value) for value in raw], dtype=object)
        names, member = np.unique(values.astype(str), return_inverse=True)
        parts += [(column, str(name), member == k) for k, name in enumerate(names)]
    if lengths is not None and total:
        size = np.asarray(lengths, dtype=np.float64)
        edges = np.unique(np.quantile(size, np.linspace(0, 1, _BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, size, side="left")
        for k in np.unique(bins):
            member = bins == k
            parts.append((LENGTH, f"{size[member].min():g}–{size[member].max():g}", member))
    return parts
