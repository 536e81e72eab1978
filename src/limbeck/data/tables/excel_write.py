"""JSON Lines to an Excel workbook, one row at a time: no text becomes a formula, a link or a number.

A workbook is a ZIP archive whose parts are written at once, so a run that may be killed keeps JSON Lines and makes the
workbook at its end. The same rows give the same bytes: the time of creation is fixed. What a sheet of Excel cannot hold
is told: rows go on in another sheet, a longer text is cut.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, message

SHEET_ROWS = 1_048_575  # of an Excel sheet, without its header
SHEET_COLUMNS = 16_384
CELL = 32_767  # characters of a cell, as UTF-16 counts them
BOOK = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "constant_memory": True}
_CREATED = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_EXACT = 2**53  # from here on, not every whole number is a number of Excel


def excel_of_lines(
    lines: Path, target: Path, columns: Sequence[str], rounded: Collection[str] = (), *, digits: int = 6,
    most: int = SHEET_ROWS,
) -> list[Message]:  # fmt: skip
    """Write a file of JSON objects as a workbook in bounded memory; return what it could not hold as it was.

    Parameters
    ----------
    rounded
        Columns whose numbers are written with ``digits`` digits behind the point.
    most
        Rows of a sheet; those behind them stand in further sheets.

    Raises
    ------
    LimbeckError
        For more columns than a sheet has.
    OSError
        When it cannot be written.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    need_columns(columns)
    sheets, cut, options = 0, 0, {**BOOK, "use_zip64": True}
    try:
        with lines.open(encoding="utf-8") as file, xlsxwriter.Workbook(str(target), options) as book:
            book.set_properties({"created": _CREATED})
            while sheets == 0 or _more(file):
                sheets += 1
                sheet = book.add_worksheet(f"answers {sheets}" if sheets > 1 else "answers")
                cut += _fill(sheet, columns, _rows(file, most), rounded, digits)
    except FileCreateError as error:
        cause = error.args[0] if error.args else error
        raise cause if isinstance(cause, OSError) else OSError(str(error)) from error
    notes = [message("excel.sheets", count=sheets, most=most)] if sheets > 1 else []
    return [*notes, message("excel.cut", count=cut, most=CELL)] if cut else notes


def need_columns(columns: Sequence[str]) -> None:
    """Raise LimbeckError for more columns than a sheet has."""
    if len(columns) > SHEET_COLUMNS:
        what = f"{len(columns):,} columns, and an Excel sheet has {SHEET_COLUMNS:,}"
        raise LimbeckError(what, where="--columns", fix="name fewer columns, or write .parquet")


def _more(file: IO[str]) -> bool:
    place = file.tell()
    found = file.read(1)
    file.seek(place)
    return bool(found)


def _rows(file: IO[str], most: int) -> Iterator[dict[str, Any]]:
    for _ in range(most):
        line = file.readline()
        if not line:
            return
        yield json.loads(line)


def _fill(
    sheet: Any, columns: Sequence[str], rows: Iterator[dict[str, Any]], rounded: Collection[str], digits: int
) -> int:
    """Write a sheet; return how many cells were cut."""
    sheet.freeze_panes(1, 0)
    cut = 0
    for at, column in enumerate(columns):
        sheet.write_string(0, at, column[:CELL])
    for number, row in enumerate(rows, 1):
        for at, column in enumerate(columns):
            cell = row.get(column)
            if cell is None:
                continue
            if isinstance(cell, bool):
                sheet.write_boolean(number, at, cell)
            elif isinstance(cell, float) or (isinstance(cell, int) and abs(cell) < _EXACT):
                sheet.write_number(number, at, round(cell, digits) if column in rounded else cell)
            else:
                text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
                short = fitting(text)
                cut += short is not text
                sheet.write_string(number, at, short)
    return cut


def fitting(text: str) -> str:
    """Return what of a text a cell holds; the text itself where it is all of it."""
    if len(text) * 2 <= CELL or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= CELL:
        return text
    return text.encode("utf-16-le", "surrogatepass")[: 2 * CELL].decode("utf-16-le", "ignore")
