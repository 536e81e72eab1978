"""The one reader of tables: CSV, TSV, text, JSON Lines, JSON, Parquet and Excel, whole or as a stream of chunks.

Adding a format is one class with `inspect` and `stream` and one line in `TABLES`. Text formats may be packed with gzip
or Zstandard.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.tables.csv_file import Delimited
from limbeck.data.tables.excel_file import Excel, file_and_sheet
from limbeck.data.tables.json_lines import Json, JsonLines, holds_rows
from limbeck.data.tables.packed_file import PACKED
from limbeck.data.tables.parquet_file import Parquet
from limbeck.data.tables.patterns import is_pattern, matched
from limbeck.data.tables.rows import Chunk, Format, Ints, Reader, Reject, need
from limbeck.errors import LimbeckError, did_you_mean, names_one
from limbeck.files import out_of_reach, writable
from limbeck.messages.message import message

__all__ = [
    "TABLES", "Chunk", "Format", "Reject", "Table", "ending_of", "file_of", "inspect", "left_out", "need", "read",
    "sources", "stream",
]  # fmt: skip

REJECTED = ".rejected.csv"  # what `predict` leaves beside its output
_NAMED = 8  # files that a line names

_TEXTS: dict[str, Reader] = {
    ".csv": Delimited(),
    ".tsv": Delimited("\t"),
    ".txt": Delimited(alone="\t"),  # one column of free text: its commas are no delimiters
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
    ".json": Json(),
}
TABLES: dict[str, Reader] = {
    **_TEXTS,
    **{f"{ending}{packed}": reader for packed in PACKED for ending, reader in _TEXTS.items()},
    ".parquet": Parquet(),
    ".xlsx": Excel(),
    ".xls": Excel(),
}
_OTHERS = {
    ".xlsm": "save it as .xlsx",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx",
    ".numbers": "export it as .xlsx",
    ".feather": "save it as .parquet",
    ".arrow": "save it as .parquet",
    ".ipc": "save it as .parquet",
    ".pkl": "save it as .parquet: a pickle can run code, and is never opened",
    ".pickle": "save it as .parquet: a pickle can run code, and is never opened",
    ".sqlite": "export the table as .csv",
    ".db": "export the table as .csv",
    ".zip": "unpack it first",
    ".gz": "unpack it first, or name it .csv.gz",
    ".bz2": "unpack it first",
    ".xz": "unpack it first",
    ".zst": "unpack it first, or name it .csv.zst",
    ".7z": "unpack it first",
    ".tar": "unpack it first",
    ".tgz": "unpack it first",
}


@dataclass(frozen=True)
class Table:
    """A whole table: ``frame`` (n rows), row ``numbers`` int64 (n,), unreadable rows, and how it was written."""

    frame: pl.DataFrame
    numbers: Ints
    rejects: tuple[Reject, ...]
    path: Path
    format: Format


def inspect(path: str | Path, *, encoding: str | None = None) -> Format:
    """Say how a table is written, from its beginning and samples of it; ``encoding`` as for `stream`.

    Raises
    ------
    LimbeckError
        For a missing file, a folder, an unknown ending, an empty or unreadable file.
    """
    return _reader(Path(path)).inspect(Path(path), encoding)


def stream(
    path: str | Path, *, rows: int = 8192, skip: int = 0, columns: Sequence[str] | None = None,
    encoding: str | None = None,
) -> Iterator[Chunk]:  # fmt: skip
    """Read a table in chunks, in bounded memory but for Excel, which is loaded whole.

    Parameters
    ----------
    rows
        Most rows in a chunk; a chunk also ends after some 4 million characters of text.
    skip
        Number of data rows, rejected ones included, that are done already; numbers go on behind them.
    columns
        The columns wanted, in order; all when None.
    encoding
        That of a text file, e.g. ``"latin-1"``; found when None.

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
    return _reachable(file, reader.stream(file, rows, skip, columns, encoding), rows)


def read(path: str | Path, *, columns: Sequence[str] | None = None, encoding: str | None = None) -> Table:
    """Read a whole table; see `stream` for the parameters and errors."""
    file = Path(path)
    form = inspect(file, encoding=encoding)
    chunks = list(stream(file, rows=65536, columns=columns, encoding=encoding))
    frame = pl.concat([chunk.frame for chunk in chunks], how="diagonal", rechunk=True)
    numbers = np.concatenate([chunk.numbers for chunk in chunks])
    rejects = tuple(reject for chunk in chunks for reject in chunk.rejects)
    return Table(frame, numbers, rejects, file, form)


def file_of(path: Path) -> Path:
    """Return the file of a table, without the name of a sheet in it."""
    return file_and_sheet(path)[0]


def ending_of(path: Path) -> str:
    """Return the ending of a table's name as `TABLES` has it, e.g. ``.csv`` or ``.csv.zst``; "" for any other name."""
    name = file_of(path).name.lower()
    ending = Path(name).suffix
    ending = Path(name.removesuffix(ending)).suffix + ending if ending in PACKED else ending
    return ending if ending in TABLES else ""


def sources(path: str | Path) -> list[Path]:
    """Return the table files of a path: the file itself, or those of a folder or of a pattern, sorted by name.

    Hidden files and ``*.rejected.csv``, which `predict` leaves beside its output, are left out without a word; what
    else is left out of a folder is named by `left_out`.

    Raises
    ------
    LimbeckError
        When the path is missing, the folder holds no table, or a pattern matches none, or what is no table.
    """
    place = Path(path)
    if is_pattern(place):
        tables = [file for file in matched(place) if not file.name.lower().endswith(REJECTED)]
        for file in tables:
            _reader(file)
        return tables
    if not place.is_dir():
        _reader(place)
        return [place]
    files = [file for file in _listed(place) if _is_table(file)]
    if not files:
        named = left_out(place)
        fix = f"put a file there: {_endings()}" + (f"; left out: {named}" if named else "")
        raise LimbeckError("the folder holds no table", where=place, fix=fix)
    return files


def left_out(path: str | Path, but: Collection[str] = ()) -> str:
    """Return the names of what `sources` leaves out of a folder, "" where that is nothing.

    Folders count where there is a table in them, files with an ending in ``but`` do not.
    """
    place = Path(path)
    if not place.is_dir():
        return ""
    files, folders = [], []
    for one in _listed(place):
        if one.is_dir():
            if any(ending_of(file) for file in _listed(one)):
                folders.append(one.name)
        elif not (_is_table(one) or one.name.lower().endswith(REJECTED) or one.suffix.lower() in but):
            files.append(one.name)
    shown = ", ".join(files[:_NAMED]) + (f" and {len(files) - _NAMED:,} more files" if len(files) > _NAMED else "")
    if folders:
        inside = ", ".join(folders[:_NAMED]) + (", …" if len(folders) > _NAMED else "")
        shown += (", " if shown else "") + f"{len(folders):,} folders with tables ({inside})"
    return writable(shown)


def _listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted by name, but for hidden files."""
    try:
        return sorted(file for file in folder.iterdir() if not file.name.startswith((".", "~$")))
    except OSError as error:
        raise out_of_reach(error, folder) from error


def _is_table(file: Path) -> bool:
    ending = ending_of(file)
    if not ending or file.name.lower().endswith(REJECTED) or not file.is_file():
        return False
    # A .json may be anything; as a table of a folder it counts only if it looks like one.
    return not ending.startswith(".json") or ending.startswith(".jsonl") or holds_rows(file)


def _reader(path: Path) -> Reader:
    path = file_of(path)
    if path.is_dir():
        raise LimbeckError("this is a folder, a table file is wanted", where=path, fix="name a file in it")
    if path.exists() and not path.is_file():
        kind = "a pipe" if path.is_fifo() else "a device or socket"
        raise LimbeckError(f"this is {kind}, not a file", where=path, fix="write it to a file first")
    if not path.is_file():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        fix = hint if names_one(hint) else message("fix.path")
        raise LimbeckError(message("file.missing"), where=path, fix=fix)
    ending = ending_of(path)
    if not ending:
        suffix = path.suffix.lower()
        what = f"no table has the ending {suffix!r}" if suffix else "the file's name has no ending"
        raise LimbeckError(what, where=path, fix=_OTHERS.get(suffix, f"known: {_endings()}"))
    return TABLES[ending]


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
    return ", ".join(ending for ending in TABLES if not ending.endswith(PACKED)) + ", .csv.gz, .csv.zst and so on"
