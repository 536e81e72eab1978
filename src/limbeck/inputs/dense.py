"""Rows of a table as fixed-width arrays, with the same few operations as `Ragged`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Dense:
    """N encoded rows of a table.

    Attributes
    ----------
    numbers
        float32 [N, F], scaled, 0 where missing.
    missing
        float32 [N, F], 1 where a number is missing.
    categories
        int64 [N, G], hashed into the buckets of their column, 0 where missing.
    offset
        float32 [N, C], logits given from outside in training, or None.
    target
        float32 [N, C], what teachers say, or None.
    """

    numbers: NDArray[np.float32]
    missing: NDArray[np.float32]
    categories: NDArray[np.int64]
    offset: NDArray[np.float32] | None = None
    target: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """One for every row, int64 [N]: all rows cost the same."""
        return np.ones(len(self), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> Dense:
        """Return the given rows, in the given order."""
        offset = None if self.offset is None else self.offset[rows]
        target = None if self.target is None else self.target[rows]
        return Dense(self.numbers[rows], self.missing[rows], self.categories[rows], offset, target)

    def pad(self, rows: NDArray[np.int64], *, fill: int = 0) -> dict[str, np.ndarray]:
        """Return one batch of arrays by name; nothing needs padding, and an array without columns is left out."""
        del fill
        part = self.take(rows)
        batch: dict[str, np.ndarray] = {}
        if part.numbers.shape[1]:
            batch |= {"numbers": part.numbers, "missing": part.missing}
        if part.categories.shape[1]:
            batch["categories"] = part.categories
        given = {"offset": part.offset, "target": part.target}
        return batch | {name: array for name, array in given.items() if array is not None}
