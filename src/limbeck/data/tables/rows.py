"""What every reader of tables hands on: readable rows with their numbers, and the rows that could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.errors import LimbeckError, did_you_mean, first_line

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

    def inspect(self, path: Path, encoding: str | None = None) -> Format:
        """Look at the beginning of the file only."""

    def stream(
        self, path: Path, rows: int, skip: int, columns: Sequence[str] | None, encoding: str | None = None
    ) -> Iterator[Chunk]:
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
            raise LimbeckError(f"there is no column {name!r}", where=where, fix=did_you_mean(name, present))


def text_frame(columns: dict[str, Sequence[str | None]]) -> pl.DataFrame:
    """Return a frame of string columns."""
    return pl.DataFrame([pl.Series(name, values, dtype=pl.String) for name, values in columns.items()])


def column_names(cells: Sequence[str], where: object) -> tuple[str, ...]:
    """Return the names that a header's cells give: stripped, ``column_3`` for an empty third.

    Raises
    ------
    LimbeckError
        When a name occurs twice.
    """
    # Spreadsheets and data-frame indices leave nameless columns behind.
    names = tuple(cell.strip() or f"column_{at}" for at, cell in enumerate(cells, 1))
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise LimbeckError(f"the column {twice!r} occurs twice", where=where, fix="rename one of the two")
    return names


def text_column(cells: pl.Series) -> pl.Series:
    """Return a column as texts that hold all of it: lists and structs as JSON, durations as ISO 8601 writes them.

    Bytes are taken for UTF-8, and those that are none are escaped. Floats are as short as they read back the same.
    """
    kind = cells.dtype
    if kind == pl.Binary or kind.is_nested():
        read = _bytes_text if kind == pl.Binary else _json_text
        return pl.Series(cells.name, [None if cell is None else read(cell) for cell in cells.to_list()], pl.String)
    return cells.dt.to_string("iso") if kind == pl.Duration else cells.cast(pl.String)


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame without columns of bytes and durations, which nothing reads on: they become texts."""
    return frame.with_columns(text_column(cells) for cells in frame if cells.dtype in (pl.Binary, pl.Duration))


def holds_bytes(kind: pl.DataType) -> bool:
    """Return whether cells of a type are bytes, or have bytes in them."""
    return "Binary" in str(kind)


def _bytes_text(cell: bytes) -> str:
    return cell.decode("utf-8", "backslashreplace")


def _json_text(cell: object) -> str:
    return json.dumps(
        cell, ensure_ascii=False, default=lambda at: _bytes_text(at) if isinstance(at, bytes) else str(at)
    )


@contextmanager
def one_line(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a native decoder raises into one line; a panic of Rust is no `Exception`.

    Raises
    ------
    LimbeckError
        In place of anything but an interrupt and an error of ours.
    """
    try:
        yield
    except (LimbeckError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise LimbeckError(
            f"not a readable {kind} file: {first_line(error, 200)}", where=path, fix="check the file"
        ) from error
