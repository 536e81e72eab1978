"""Parquet, streamed by slices, and Excel, which can only be read whole; both keep the types of their columns.

The decoders are native code and the files may be hostile: whatever they raise, panics of Rust included, becomes
one line, and an Excel file (a zip archive) that would unpack to more than `UNPACKED` bytes is refused first.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.rows import Chunk, Format, need
from limbeck.errors import LimbeckError

UNPACKED = 1 << 30


class Parquet:
    """Reader of .parquet, a slice of rows at a time."""

    def inspect(self, path: Path) -> Format:
        """Return the columns, from the file's footer."""
        with _one_line(path, "Parquet"):
            names = pl.read_parquet_schema(path)
        return Format(path, "parquet", None, None, tuple(names))

    def stream(self, path: Path, rows: int, skip: int, columns: Sequence[str] | None) -> Iterator[Chunk]:
        """Yield slices of ``rows`` rows."""
        need(self.inspect(path).columns, columns or (), path)
        with _one_line(path, "Parquet"):
            table = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            total = int(table.select(pl.len()).collect().item())
        if total == 0:
            raise LimbeckError("the file has no rows", where=path, mend="check the file")
        if columns is not None:
            table = table.select(columns)
        for start in range(skip, total, rows):
            with _one_line(path, "Parquet"):
                frame = table.slice(start, rows).collect()
            yield Chunk(frame, np.arange(start + 1, start + 1 + frame.height, dtype=np.int64))


class Excel:
    """Reader of .xlsx and .xls: the first sheet, whole in memory."""

    def inspect(self, path: Path) -> Format:
        """Return the columns of the first sheet."""
        return Format(path, "excel", None, None, tuple(_sheet(path).columns))

    def stream(self, path: Path, rows: int, skip: int, columns: Sequence[str] | None) -> Iterator[Chunk]:
        """Yield slices of ``rows`` rows of the sheet, which stays in memory meanwhile."""
        frame = _sheet(path)
        need(frame.columns, columns or (), path)
        if columns is not None:
            frame = frame.select(columns)
        for start in range(skip, frame.height, rows):
            part = frame.slice(start, rows)
            yield Chunk(part, np.arange(start + 1, start + 1 + part.height, dtype=np.int64))


def _sheet(path: Path) -> pl.DataFrame:
    try:
        import fastexcel
    except ImportError as error:
        raise LimbeckError("reading Excel needs fastexcel", where=path, mend="pip install fastexcel") from error
    _refuse_bomb(path)
    with _one_line(path, "Excel"):
        frame: pl.DataFrame = fastexcel.read_excel(path).load_sheet(0).to_polars()
    if frame.width == 0:
        raise LimbeckError("the first sheet is empty", where=path, mend="put the table on the first sheet")
    frame = frame.rename({name: name.strip() for name in frame.columns}, strict=False)
    # A sheet knows one kind of number: what is whole everywhere was written whole, and an id must stay as it was.
    whole = [
        name
        for name, kind in frame.schema.items()
        if kind.is_float()
        and frame[name].is_finite().all()
        and (frame[name].abs() < 2**53).all()
        and (frame[name] == frame[name].round()).all()
    ]
    frame = frame.with_columns(pl.col(whole).cast(pl.Int64)) if whole else frame
    # Formatted but empty lines at the end of a sheet are no rows.
    filled = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series()
    frame = frame.head(int(np.flatnonzero(filled.to_numpy()).max(initial=-1)) + 1)
    if frame.height == 0:
        raise LimbeckError("the sheet has a header but no rows", where=path, mend="check the file")
    return frame


def _refuse_bomb(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return  # .xls is no archive
    with _one_line(path, "Excel"), zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > UNPACKED:
        raise LimbeckError("the Excel file is too large to be read whole", where=path, mend="save it as CSV")


@contextmanager
def _one_line(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (LimbeckError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # PanicException of Rust is no Exception
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise LimbeckError(f"not a readable {kind} file: {first}", where=path, mend="check the file") from error
