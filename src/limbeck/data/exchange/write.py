"""Write records as a file of any form; the file appears whole or not at all, in bounded memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from limbeck.data.exchange.argilla import to_argilla
from limbeck.data.exchange.doccano import to_doccano
from limbeck.data.exchange.escape import escaped, sheet_escaped
from limbeck.data.exchange.flat import columns_of, flat
from limbeck.data.exchange.label_studio import to_task
from limbeck.data.exchange.record import Record
from limbeck.data.tables.excel_write import BOOK, CELL, SHEET_ROWS, fitting
from limbeck.errors import LimbeckError
from limbeck.files import whole_file

Records = Callable[[], Iterator[Record]]  # called for each pass over the same rows
BLOCK = 5_000  # rows of a piece of a Parquet file


def write(form: str, path: Path, records: Records) -> None:
    """Write records as ``form``, a name of `FORMS`.

    Parameters
    ----------
    records
        Called once or twice: a table needs all columns before its first row.

    Raises
    ------
    LimbeckError
        For a row that the form cannot hold, and a folder that cannot be written to.
    """
    with whole_file(path) as part:
        WRITERS[form](part, records)


def _csv(path: Path, records: Records) -> None:
    names = columns_of(record.content for record in records())
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(escaped, names))
        for cells in map(flat, records()):
            writer.writerow([escaped(cells.get(name, "")) for name in names])


def _excel(path: Path, records: Records) -> None:
    names = columns_of(record.content for record in records())
    workbook(path, [("rows", names, (_fitting(flat(record), names, at) for at, record in enumerate(records(), 1)))])


def workbook(path: Path, sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[str]]]]) -> None:
    """Write sheets of texts: name, columns, rows. No text is a formula, a link or a number there.

    Raises
    ------
    LimbeckError
        For more rows than a sheet holds.
    """
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), BOOK) as book:
        bold = book.add_format({"bold": True})
        for name, columns, rows in sheets:
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, max(0, len(columns) - 1), 24)
            for at, column in enumerate(columns):
                sheet.write_string(0, at, column, bold)
            for number, row in enumerate(rows, 1):
                if number > SHEET_ROWS:
                    raise LimbeckError(f"an Excel sheet holds {SHEET_ROWS:,} rows", fix="export CSV or Parquet")
                for at, cell in enumerate(row):
                    if cell:
                        sheet.write_string(number, at, cell)


def _fitting(cells: dict[str, str], names: Sequence[str], number: int) -> list[str]:
    for name, cell in cells.items():
        if fitting(cell) is not cell:
            what = f"the cell {name!r} has {len(cell):,} characters, a cell of Excel holds {CELL:,}"
            raise LimbeckError(what, where=f"row {number}", fix="export CSV, JSON Lines or Parquet")
    return [sheet_escaped(cells.get(name, "")) for name in names]


def _jsonl(path: Path, records: Records) -> None:
    _lines(path, map(flat, records()))


def _parquet(path: Path, records: Records) -> None:
    names = columns_of(record.content for record in records())
    rows = map(flat, records())
    spool = path.with_name(f"{path.name}.lines")
    try:
        _lines(spool, ({name: cells.get(name) for name in names} for cells in rows))
        schema = dict.fromkeys(names, pl.String)
        if spool.stat().st_size:
            pl.scan_ndjson(spool, schema=schema, batch_size=BLOCK).sink_parquet(path)
        else:
            pl.DataFrame(schema=schema).write_parquet(path)
    finally:
        spool.unlink(missing_ok=True)


def _label_studio(path: Path, records: Records) -> None:
    _array(path, map(to_task, records()))


def _argilla(path: Path, records: Records) -> None:
    _array(path, map(to_argilla, records()))


def _doccano(path: Path, records: Records) -> None:
    _lines(path, map(to_doccano, records()))


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def _array(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for row in islice(rows, 1):
            file.write("\n" + json.dumps(row, ensure_ascii=False, allow_nan=False))
        file.writelines(",\n" + json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        file.write("\n]\n")


WRITERS: dict[str, Callable[[Path, Records], None]] = {
    "csv": _csv,
    "excel": _excel,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "label-studio": _label_studio,
    "argilla": _argilla,
    "doccano": _doccano,
}
ENDINGS = {
    "csv": ".csv", "excel": ".xlsx", "jsonl": ".jsonl", "parquet": ".parquet", "label-studio": ".json",
    "argilla": ".json", "doccano": ".jsonl",
}  # fmt: skip
