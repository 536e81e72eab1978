"""A vector for each row of a table: scaled numbers, what is missing, and hashed categories."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.projection import projected
from limbeck.kinds.table.encode import TableInput

WIDTH = 16  # numbers of a category


def vectors(encoder: TableInput, rows: pl.DataFrame) -> tuple[NDArray[np.float32], dict[int, LimbeckError]]:
    """Return float32 [N, 2 F + 16 G] of N rows with F numbers and G categories, and an empty dictionary.

    Numbers are scaled as the bundle scales them, 0 where missing; then 1 where one is missing; then of each category 16
    numbers of length one, alike for equal texts, 0 where missing.
    """
    given = encoder.encode(rows)
    count = len(given)
    parts = [given.numbers, given.missing]
    for column in given.categories.T:
        known = np.flatnonzero(column)
        weights = np.ones(len(known), dtype=np.float32)
        parts.append(projected(column[known], weights, known, count, WIDTH))
    return np.concatenate(parts, axis=1).astype(np.float32), {}
