"""Rows of a table as fixed-width arrays, with the same few operations as `Ragged`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.kinds.text.encoding.ragged import arrays_beside, taken_beside


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
    hidden
        float32 [N, D], a teacher's hidden features, or None.
    view
        The same rows changed, or None.
    """

    numbers: NDArray[np.float32]
    missing: NDArray[np.float32]
    categories: NDArray[np.int64]
    offset: NDArray[np.float32] | None = None
    target: NDArray[np.float32] | None = None
    hidden: NDArray[np.float32] | None = None
    view: Dense | None = None

    @property
    def padded(self) -> bool:
        """Whether a row is padded to the longest of its batch: never."""
        return False

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """One for every row, int64 [N]: all rows cost the same."""
        return np.ones(len(self), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> Dense:
        """Return the given rows, in the given order."""
        return Dense(self.numbers[rows], self.missing[rows], self.categories[rows], **taken_beside(self, rows))

    def pad(self, rows: NDArray[np.int64], *, fill: int = 0) -> dict[str, np.ndarray]:
        """Return one batch of arrays by name; nothing needs padding, and an array without columns is left out."""
        del fill
        part = self.take(rows)
        batch = part._arrays()
        if part.view is not None:
            batch |= {f"view_{name}": array for name, array in part.view._arrays().items()}
        return batch | arrays_beside(part, np.arange(len(part)))

    def _arrays(self) -> dict[str, np.ndarray]:
        batch: dict[str, np.ndarray] = {}
        if self.numbers.shape[1]:
            batch |= {"numbers": self.numbers, "missing": self.missing}
        if self.categories.shape[1]:
            batch["categories"] = self.categories
        return batch
