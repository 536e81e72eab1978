"""Read records from a file of any form, some rows at a time; a row that is none is told with its number and reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.data.exchange import argilla, doccano, label_studio
from limbeck.data.exchange.escape import sheet_unescaped, unescaped
from limbeck.data.exchange.flat import HISTORY, LABEL, record_from
from limbeck.data.exchange.record import TEXT, Record, check
from limbeck.data.tables.read import inspect, stream
from limbeck.data.tables.rows import Format
from limbeck.errors import LimbeckError, first_line

MOST_ROW = 1 << 22  # bytes of the texts of a row
TABLE, LABEL_STUDIO, ARGILLA, DOCCANO = "table", "label-studio", "argilla", "doccano"
FORMS = (TABLE, LABEL_STUDIO, ARGILLA, DOCCANO)
# Form -> what makes a record of an object, and which of its fields are objects or lists.
_PARSERS: dict[str, tuple[Callable[[Mapping[str, Any]], Record], tuple[str, ...]]] = {
    LABEL_STUDIO: (label_studio.from_task, label_studio.OBJECTS),
    ARGILLA: (argilla.from_argilla, argilla.OBJECTS),
    DOCCANO: (doccano.from_doccano, doccano.OBJECTS),
}
_UNESCAPED = {"csv": unescaped, "excel": sheet_unescaped}


@dataclass(frozen=True)
class Source:
    """How a file is read: its form, and for a table which columns mean what.

    ``text`` is the column of rows that are one text, "" for rows of columns; ``label`` a column with given classes.
    """

    path: Path
    form: str = TABLE
    kind: str = TEXT
    text: str = ""
    label: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a file: its number from 1, and the record, or why there is none."""

    number: int
    record: Record | None
    reason: str = ""


def form_of(found: Format) -> str:
    """Return the form of a file by its columns; where nothing tells, it is a table."""
    columns = set(found.columns)
    if HISTORY in columns or found.kind not in ("json", "jsonl"):
        return TABLE
    if "data" in columns and columns & {"annotations", "predictions"}:
        return LABEL_STUDIO
    if "fields" in columns and columns & {"responses", "suggestions"}:
        return ARGILLA
    return DOCCANO if TEXT in columns and columns & {doccano.HISTORY, "Comments"} else TABLE


def look(path: Path) -> tuple[Format, str, bool]:
    """Return how a file is written, its form, and whether it is an export that says itself what its columns mean.

    Raises
    ------
    LimbeckError
        For what cannot be read as a table.
    """
    found = inspect(path)
    form = form_of(found)
    return found, form, form != TABLE or HISTORY in {unescaped(name) for name in found.columns}


def read(source: Source, *, skip: int = 0, rows: int = 500) -> Iterator[list[Row]]:
    """Yield the rows after the first ``skip`` in lists of at most ``rows``, in order.

    Raises
    ------
    LimbeckError
        For a file that cannot be read, and a column that it lacks.
    """
    parse = _of_objects(source.form) if source.form in _PARSERS else _of_table(source)
    for chunk in stream(source.path, rows=rows, skip=skip):
        found = [Row(reject.row, None, reject.reason) for reject in chunk.rejects]
        short = _lengths(chunk.frame) <= MOST_ROW
        long = f"the row has over {MOST_ROW:,} bytes of text"
        found += [Row(int(number), None, long) for number in chunk.numbers[~short]]
        cells = chunk.frame.filter(short).iter_rows(named=True)
        found += [_row(int(number), row, parse) for number, row in zip(chunk.numbers[short], cells, strict=True)]
        yield sorted(found, key=lambda row: row.number)


def _lengths(frame: pl.DataFrame) -> np.ndarray[Any, Any]:
    """Return the bytes of the texts of each row, before any becomes an object of its own.

    A Parquet file of a kilobyte can name one long text in each of its rows.
    """
    lengths = pl.col(pl.String).str.len_bytes().fill_null(0).cast(pl.Int64)
    if pl.String not in frame.schema.values():
        return np.zeros(frame.height, np.int64)
    return frame.select(pl.sum_horizontal(lengths)).to_series().to_numpy()


def _of_table(source: Source) -> Callable[[Mapping[str, Any]], Record]:
    found = inspect(source.path)
    restore = _UNESCAPED.get(found.kind, str)
    if HISTORY in {restore(name) for name in found.columns}:  # an export of this software
        return lambda cells: record_from(
            {restore(name): restore(str(cell)) for name, cell in cells.items() if cell is not None}
        )
    for name in filter(None, (source.text, source.label)):
        if name not in found.columns:
            raise LimbeckError(f"the file has no column {name!r}", fix="choose the column again")
    return lambda cells: record_from(cells, label=source.label or LABEL, kind=source.kind, text=source.text)


def _of_objects(form: str) -> Callable[[Mapping[str, Any]], Record]:
    """Return what reads an object; the reader of tables has made JSON of the lists and objects in it."""
    parse, objects = _PARSERS[form]
    return lambda cells: parse(
        {name: _value(cell) if name in objects else cell for name, cell in cells.items() if cell is not None}
    )


def _row(number: int, cells: Mapping[str, Any], parse: Callable[[Mapping[str, Any]], Record]) -> Row:
    try:
        record = parse(cells)
        check(record)
    except LimbeckError as error:
        return Row(number, None, str(error))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # what nobody has thought of costs one row
        return Row(number, None, f"the row cannot be read: {first_line(error)}")
    return Row(number, record)


def _value(cell: str) -> Any:
    if cell[:1] not in ("[", "{"):
        return cell
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def preview(source: Source, rows: int = 5) -> Sequence[Row]:
    """Return the first rows."""
    return next(read(source, rows=rows), [])
