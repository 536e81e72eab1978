"""Rows that may be trained on, whatever their kind, with the part that each is in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.tables.rows import Ints
from limbeck.messages.message import Message

Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Dataset:
    """Rows ready for use; all arrays have one entry per row.

    ``texts`` are the raw input values (null is ""), ``labels`` int64 class numbers with -1 for unlabelled rows,
    ``split`` one of train, valid, test, unlabelled, ``numbers`` the 1-based row numbers in
    ``sources[origin]``, and ``findings`` what was found and changed.
    """

    frame: pl.DataFrame
    texts: list[str]
    labels: Ints
    classes: tuple[str, ...]
    split: Names
    numbers: Ints
    findings: list[Message]
    sources: list[Path]
    origin: Ints

    def part(self, name: str) -> Ints:
        """Return the indices of the rows of a part, int64, ascending."""
        return np.flatnonzero(self.split == name)

    def take(self, rows: npt.ArrayLike) -> Dataset:
        """Return the dataset of the rows with these indices, in that order."""
        at = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            frame=self.frame[at],
            texts=[self.texts[row] for row in at],
            labels=self.labels[at],
            split=self.split[at],
            numbers=self.numbers[at],
            origin=self.origin[at],
        )
