"""One sheet of a workbook as a frame of its cells, read in a child process (`limbeck.process.confined`).

The decoder is native code: a kilobyte that names the cells A1 and XFD1048576 makes it ask for 400 GB and abort. The
archive is unpacked once before it sees it, with the bytes counted: what an entry states of its size may be a lie.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from limbeck.data.tables.rows import column_names, one_line
from limbeck.errors import LimbeckError
from limbeck.files import native_path
from limbeck.process.pipes import Arrays, Head

if TYPE_CHECKING:
    import fastexcel

UNPACKED = 1 << 30  # bytes of a workbook's archive
_CUT = r"\.\d{9}$"  # the decoder writes nine digits of a number that stands in a column of text


def answer(head: Head, _arrays: Arrays) -> tuple[Head, Arrays]:
    """Return the sheet ``head["sheet"]`` of ``head["file"]``, the first for null, as Arrow IPC bytes.

    With ``head["names"]`` only the names of all sheets.
    """
    if head.get("names"):
        return {"sheets": sheet_names(Path(head["file"]))}, {}
    frame, name, sheets = sheet(Path(head["file"]), head["sheet"])
    held = io.BytesIO()
    frame.write_ipc(held)
    return {"sheet": name, "sheets": sheets}, {"frame": np.frombuffer(held.getbuffer(), dtype=np.uint8)}


def sheet_names(file: Path) -> list[str]:
    """Return the names of all sheets; see `sheet` for the errors."""
    return list(_book(file).sheet_names)


def sheet(file: Path, name: str | None) -> tuple[pl.DataFrame, str, list[str]]:
    """Return the cells below a sheet's header, the sheet's name, and the names of all sheets.

    Raises
    ------
    LimbeckError
        For what is no workbook, an archive that unpacks to too much, or a sheet that is not there.
    """
    book = _book(file)
    sheets = list(book.sheet_names)
    if name is not None and name not in sheets:
        fix = f"its sheets: {', '.join(map(repr, sheets))}"
        raise LimbeckError(f"the workbook has no sheet {name!r}", where=file, fix=fix)
    with one_line(file, "Excel"):
        return _cells(book, 0 if name is None else name, file), (name or (sheets or ["?"])[0]), sheets


def _book(file: Path) -> fastexcel.ExcelReader:
    try:
        import fastexcel
    except ImportError as error:
        raise LimbeckError("reading Excel needs fastexcel", where=file, fix="pip install fastexcel") from error
    _refuse_bomb(file)
    with one_line(file, "Excel"), native_path(file) as readable:
        return fastexcel.read_excel(readable)


def _cells(book: fastexcel.ExcelReader, sheet: str | int, path: Path) -> pl.DataFrame:
    """Return the cells below the header, typed by all of them, under the header's names."""

    def load(columns: Sequence[int], dtype: Any) -> dict[int, pl.Series]:
        if not columns:
            return {}
        cells: pl.DataFrame = book.load_sheet(sheet, use_columns=list(columns), dtypes=dtype).to_polars()
        return dict(zip(columns, cells, strict=True))

    head = book.load_sheet(sheet, header_row=None, n_rows=1, dtypes="string").to_polars()
    if not head.height:
        return pl.DataFrame()
    found: list[pl.Series] = list(book.load_sheet(sheet, schema_sample_rows=None).to_polars())
    names = column_names(["" if cell is None else str(cell) for cell in head.row(0)], path)
    # "NA" and "#N/A" among numbers arrive as nothing: such a column is one of texts.
    gaps = [at for at, cells in enumerate(found) if cells.dtype != pl.String and cells.null_count()]
    for at, texts in load(gaps, "string").items():
        found[at] = texts if texts.null_count() < found[at].null_count() else found[at]
    cut = [at for at, cells in enumerate(found) if cells.dtype == pl.String and cells.str.contains(_CUT).any()]
    for at, exact in load(cut, "float").items():
        same = found[at].str.contains(_CUT) & ((found[at].cast(pl.Float64, strict=False) - exact).abs() < 1e-9)
        found[at] = pl.select(pl.when(same).then(exact.cast(pl.String)).otherwise(found[at])).to_series()
    return pl.DataFrame([_whole(cells).alias(name) for cells, name in zip(found, names, strict=True)])


def _whole(cells: pl.Series) -> pl.Series:
    """Return integers for numbers that all are: a sheet knows one kind of number, and an id must stay as it was."""
    if not (cells.dtype.is_float() and cells.is_finite().all() and (cells.abs() < 2**53).all()):
        return cells
    return cells.cast(pl.Int64) if (cells == cells.round()).all() else cells


def _refuse_bomb(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return  # .xls is no archive
    size = 0
    with one_line(path, "Excel"), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as packed:  # raises where an entry is not what the directory says of it
                while block := packed.read(1 << 20):
                    size += len(block)
                    if size > UNPACKED:
                        what = f"the Excel file unpacks to more than {UNPACKED / 2**30:g} GB"
                        raise LimbeckError(what, where=path, fix="save it as CSV")
