"""Excel workbooks: one sheet, whole in memory, with every cell as it stands in the sheet.

A sheet gives no types to its columns, so all rows are looked at before one is chosen: numbers, flags and dates keep
their type where a column holds nothing else, and any other column is text. ``book.xlsx#NAME`` names a sheet; without a
name it is the first. Names of columns follow the same rules as those of CSV.

The decoder is native code and the files may be hostile: whatever it raises, panics of Rust included, becomes one line,
and a file (a zip archive) that would unpack to more than `UNPACKED` bytes is refused first.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from limbeck.data.rows import Chunk, Format, column_names, need, one_line
from limbeck.errors import LimbeckError
from limbeck.files import native_path

if TYPE_CHECKING:
    import fastexcel

UNPACKED = 1 << 30
ENDINGS = (".xlsx", ".xls")
_NAMED = re.compile(rf"(.+(?:{'|'.join(map(re.escape, ENDINGS))}))#(.+)", re.IGNORECASE | re.DOTALL)
_CUT = r"\.\d{9}$"  # the decoder writes nine digits of a number that stands in a column of text


def file_and_sheet(path: Path) -> tuple[Path, str | None]:
    """Return the file and the name of the sheet that ``book.xlsx#NAME`` asks for, None for the first."""
    named = _NAMED.fullmatch(str(path))
    if named is None or path.exists():
        return path, None
    return Path(named[1]), named[2]


class Excel:
    """Reader of .xlsx and .xls."""

    def inspect(self, path: Path) -> Format:
        """Return the columns of the sheet."""
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
    file, name = file_and_sheet(path)
    _refuse_bomb(file)
    with one_line(path, "Excel"), native_path(file) as readable:
        book = fastexcel.read_excel(readable)
        sheets = book.sheet_names
    if name is not None and name not in sheets:
        known = ", ".join(map(repr, sheets))
        raise LimbeckError(f"the workbook has no sheet {name!r}", where=file, mend=f"its sheets: {known}")
    with one_line(path, "Excel"):
        frame = _cells(book, name if name is not None else 0, path)
    shown = name if name is not None else (sheets or ["?"])[0]
    more = f"; other sheets: {', '.join(repr(s) for s in sheets if s != shown)}" if len(sheets) > 1 else ""
    if frame.width == 0:
        mend = f"check the file, or name another sheet as {file.name}#SHEET{more}"
        raise LimbeckError(f"the sheet {shown!r} is empty", where=path, mend=mend)
    # Formatted but empty lines at the end of a sheet are no rows.
    filled = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series()
    frame = frame.head(int(np.flatnonzero(filled.to_numpy()).max(initial=-1)) + 1)
    if frame.height == 0:
        mend = f"check the file, or name another sheet as {file.name}#SHEET{more}"
        raise LimbeckError(f"the sheet {shown!r} has a header but no rows", where=path, mend=mend)
    return frame


def _cells(book: fastexcel.ExcelReader, sheet: str | int, path: Path) -> pl.DataFrame:
    """Return the cells below the header, typed by all of them, under the header's names."""
    head = book.load_sheet(sheet, header_row=None, n_rows=1, dtypes="string").to_polars()
    frame = book.load_sheet(sheet, schema_sample_rows=None).to_polars()
    names = column_names(["" if cell is None else str(cell) for cell in head.row(0)] if head.height else [], path)
    if len(names) != frame.width:
        raise ValueError(f"{len(names)} names for {frame.width} columns")
    return pl.DataFrame([_column(frame.to_series(at), book, sheet, at).alias(name) for at, name in enumerate(names)])


def _column(found: pl.Series, book: fastexcel.ExcelReader, sheet: str | int, at: int) -> pl.Series:
    """Return a column as its cells are; see `_CUT` and the decoder's own idea of what text is no value."""

    def load(dtype: Any) -> pl.Series:
        cells: pl.DataFrame = book.load_sheet(sheet, use_columns=[at], dtypes=dtype).to_polars()
        return cells.to_series(0)

    if found.dtype != pl.String and found.null_count():
        texts = load("string")  # "NA" and "#N/A" among numbers arrive as nothing
        if texts.null_count() < found.null_count():
            found = texts
    if found.dtype == pl.String and found.str.contains(_CUT).any():
        exact = load("float")
        same = (found.cast(pl.Float64, strict=False) - exact).abs() < 1e-9
        return pl.select(pl.when(same).then(exact.cast(pl.String)).otherwise(found)).to_series()
    # A sheet knows one kind of number: what is whole everywhere was written whole, and an id must stay as it was.
    if (
        found.dtype.is_float()
        and found.is_finite().all()
        and (found.abs() < 2**53).all()
        and (found == found.round()).all()
    ):
        return found.cast(pl.Int64)
    return found


def _refuse_bomb(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return  # .xls is no archive
    with one_line(path, "Excel"), zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > UNPACKED:
        raise LimbeckError("the Excel file is too large to be read whole", where=path, mend="save it as CSV")
