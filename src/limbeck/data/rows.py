"""What every reader of tables hands on: readable rows with their numbers, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.errors import LimbeckError, did_you_mean

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reject:
    """A row that could not be read: its 1-based number among the data rows (no header), and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Chunk:
    """A stretch of a table: ``frame`` (n rows), ``numbers`` int64 (n,), and the unreadable rows of the stretch."""

    frame: pl.DataFrame
    numbers: Ints
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True)
class Format:
    """How a file is written: ``kind`` is csv, jsonl, parquet or excel; ``delimiter`` only for csv."""

    path: Path
    kind: str
    encoding: str | None
    delimiter: str | None
    columns: tuple[str, ...]


class Reader(Protocol):
    """One kind of file: its format, and its rows in chunks of bounded size."""

    def inspect(self, path: Path) -> Format:
        """Look at the beginning of the file only."""

    def stream(self, path: Path, rows: int, skip: int, columns: Sequence[str] | None) -> Iterator[Chunk]:
        """Yield the rows after the first ``skip``; only the named columns when they are given."""


def need(present: Sequence[str], wanted: Sequence[str], where: object) -> None:
    """Check that every wanted column is there.

    Raises
    ------
    LimbeckError
        For the first one missing, with the nearest that is present.
    """
    for name in wanted:
        if name not in present:
            raise LimbeckError(f"there is no column {name!r}", where=where, mend=did_you_mean(name, present))


def text_frame(columns: dict[str, Sequence[str | None]]) -> pl.DataFrame:
    """Return a frame of string columns."""
    return pl.DataFrame([pl.Series(name, values, dtype=pl.String) for name, values in columns.items()])
