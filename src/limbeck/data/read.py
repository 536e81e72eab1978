"""The one reader of tables: CSV, TSV, text, JSON Lines, Parquet and Excel, whole or as a stream of chunks.

Adding a format is one class with `inspect` and `stream` and one line in `TABLES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.columnar import Excel, Parquet
from limbeck.data.csvfile import Delimited
from limbeck.data.jsonfile import JsonLines
from limbeck.data.rows import Chunk, Format, Ints, Reader, Reject, need
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import out_of_reach

__all__ = ["TABLES", "Chunk", "Format", "Reject", "Table", "inspect", "need", "read", "sources", "stream"]

TABLES: dict[str, Reader] = {
    ".csv": Delimited(),
    ".tsv": Delimited("\t"),
    ".txt": Delimited(alone="\t"),  # one column of free text: its commas are no delimiters
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
    ".parquet": Parquet(),
    ".xlsx": Excel(),
    ".xls": Excel(),
}


@dataclass(frozen=True)
class Table:
    """A whole table: ``frame`` (n rows), row ``numbers`` int64 (n,), unreadable rows, and how it was written."""

    frame: pl.DataFrame
    numbers: Ints
    rejects: tuple[Reject, ...]
    path: Path
    format: Format


def inspect(path: str | Path) -> Format:
    """Say how a table is written, from its beginning and samples of it.

    Raises
    ------
    LimbeckError
        For a missing file, a folder, an unknown ending, an empty or unreadable file.
    """
    return _reader(Path(path)).inspect(Path(path))


def stream(
    path: str | Path, *, rows: int = 8192, skip: int = 0, columns: Sequence[str] | None = None
) -> Iterator[Chunk]:
    """Read a table in chunks, in bounded memory but for Excel, which is loaded whole.

    Parameters
    ----------
    rows
        Most rows in a chunk; a chunk also ends after some 4 million characters of text.
    skip
        Number of data rows, rejected ones included, that are done already; numbers go on behind them.
    columns
        The columns wanted, in order; all when None.

    Yields
    ------
    Chunk
        Row numbers are 1-based and do not count the header or blank lines. CSV and JSON Lines give string
        columns (an empty CSV field is ``""``, a missing JSON key null); Parquet and Excel keep their types.

    Raises
    ------
    LimbeckError
        At once for a missing file, a folder or an unknown ending; with the first chunk for an empty or unreadable
        file or a missing column.
    """
    file = Path(path)
    reader = _reader(file)
    if rows < 1 or skip < 0:
        raise ValueError("rows is at least 1, skip at least 0")
    return _reachable(file, reader.stream(file, rows, skip, columns), rows)


def read(path: str | Path, *, columns: Sequence[str] | None = None) -> Table:
    """Read a whole table; see `stream` for the parameters and errors."""
    file = Path(path)
    chunks = list(stream(file, rows=65536, columns=columns))
    frame = pl.concat([chunk.frame for chunk in chunks], how="diagonal", rechunk=True)
    numbers = np.concatenate([chunk.numbers for chunk in chunks])
    rejects = tuple(reject for chunk in chunks for reject in chunk.rejects)
    return Table(frame, numbers, rejects, file, inspect(file))


def sources(path: str | Path) -> list[Path]:
    """Return the table files of a path: the file itself, or those of a folder, sorted by name.

    Hidden files and ``*.rejected.csv``, which `predict` leaves beside its output, are left out.

    Raises
    ------
    LimbeckError
        When the path is missing or the folder holds no table.
    """
    place = Path(path)
    if not place.is_dir():
        _reader(place)
        return [place]
    try:
        files = sorted(file for file in place.iterdir() if _is_table(file))
    except OSError as error:
        raise out_of_reach(error, place) from error
    if not files:
        raise LimbeckError("the folder holds no table", where=place, mend=f"put a file there: {_endings()}")
    return files


def _is_table(file: Path) -> bool:
    hidden = file.name.startswith((".", "~$"))
    return (
        file.suffix.lower() in TABLES
        and not hidden
        and not file.name.lower().endswith(".rejected.csv")
        and file.is_file()
    )


def _reader(path: Path) -> Reader:
    if path.is_dir():
        raise LimbeckError("this is a folder, a table file is wanted", where=path, mend="name a file in it")
    if not path.is_file():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near) if near else "check the path"
        raise LimbeckError("there is no such file", where=path, mend=hint if "mean" in hint else "check the path")
    reader = TABLES.get(path.suffix.lower())
    if reader is None:
        raise LimbeckError(f"no table has the ending {path.suffix!r}", where=path, mend=f"known: {_endings()}")
    return reader


def _reachable(path: Path, chunks: Iterator[Chunk], rows: int) -> Iterator[Chunk]:
    """Translate errors of the disk, and cut a chunk that grew over ``rows`` when a quote was found open."""
    try:
        for chunk in chunks:
            if chunk.frame.height <= rows:
                yield chunk
            else:
                yield from _cut(chunk, rows)
    except OSError as error:
        raise out_of_reach(error, path) from error


def _cut(chunk: Chunk, rows: int) -> Iterator[Chunk]:
    rejects = list(chunk.rejects)
    for start in range(0, chunk.frame.height, rows):
        numbers = chunk.numbers[start : start + rows]
        last = start + rows >= chunk.frame.height
        here = [reject for reject in rejects if last or reject.row < numbers[-1]]
        rejects = rejects[len(here) :]
        yield Chunk(chunk.frame.slice(start, rows), numbers, tuple(here))


def _endings() -> str:
    return ", ".join(TABLES)
