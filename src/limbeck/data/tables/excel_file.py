"""Excel workbooks: one sheet, whole in memory, with every cell as it stands in the sheet.

A sheet gives no types to its columns, so all rows are looked at before one is chosen: numbers, flags and dates keep
their type where a column holds nothing else, and any other column is text. ``book.xlsx#NAME`` names a sheet; without a
name it is the first. Names of columns follow the same rules as those of CSV. A child process does the reading, as the
decoder may crash or take all memory on a hostile file.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.tables.rows import Chunk, Format, need, plain
from limbeck.errors import LimbeckError
from limbeck.files import marks
from limbeck.process.confined import Limits, ask_once

ENDINGS = (".xlsx", ".xls")
LIMITS = Limits(memory=3 * 2**30, seconds=600.0, files=True, answer=2 * 2**30)
_NAMED = re.compile(rf"(.+(?:{'|'.join(map(re.escape, ENDINGS))}))#(.+)", re.IGNORECASE | re.DOTALL)
_ahead: dict[tuple[str, int, int], pl.DataFrame] = {}  # the sheet that was looked at last, for who reads it next


def file_and_sheet(path: Path) -> tuple[Path, str | None]:
    """Return the file and the name of the sheet that ``book.xlsx#NAME`` asks for, None for the first."""
    named = _NAMED.fullmatch(str(path))
    if named is None or path.exists():
        return path, None
    return Path(named[1]), named[2]


class Excel:
    """Reader of .xlsx and .xls."""

    def inspect(self, path: Path, encoding: str | None = None) -> Format:
        """Return the columns of the sheet."""
        frame = _sheet(path)
        _ahead.clear()
        _ahead[_key(path)] = frame
        return Format(path, "excel", None, None, tuple(frame.columns))

    def stream(
        self, path: Path, rows: int, skip: int, columns: Sequence[str] | None, encoding: str | None = None
    ) -> Iterator[Chunk]:
        """Yield slices of ``rows`` rows of the sheet, which stays in memory meanwhile."""
        frame = _ahead.pop(_key(path), None)
        frame = _sheet(path) if frame is None else frame
        need(frame.columns, columns or (), path)
        if columns is not None:
            frame = frame.select(columns)
        for start in range(skip, frame.height, rows):
            part = frame.slice(start, rows)
            yield Chunk(part, np.arange(start + 1, start + 1 + part.height, dtype=np.int64))


def sheet_names(path: Path) -> list[str]:
    """Return the names of the sheets of a workbook.

    Raises
    ------
    LimbeckError
        For what is no workbook.
    """
    asked = {"file": os.path.abspath(path), "names": True}  # noqa: PTH100
    said, _none = ask_once(
        "limbeck.data.tables.excel_sheet", asked, limits=LIMITS, where=path, doing="reading the names of its sheets"
    )
    return [str(name) for name in said["sheets"]]


def _key(path: Path) -> tuple[str, int, int]:
    return (os.path.abspath(path), *marks(file_and_sheet(path)[0]))  # noqa: PTH100


def _sheet(path: Path) -> pl.DataFrame:
    file, name = file_and_sheet(path)
    asked = {"file": os.path.abspath(file), "sheet": name}  # noqa: PTH100
    try:
        said, found = ask_once(
            "limbeck.data.tables.excel_sheet", asked, limits=LIMITS, where=path, doing="reading the sheet"
        )
    except LimbeckError as error:
        fix = error.fix or "check that no cell far outside the table is filled, or save it as CSV"
        raise LimbeckError(error.what, where=path, fix=fix) from error
    frame = plain(pl.read_ipc(io.BytesIO(found["frame"].tobytes())))
    others = [sheet for sheet in said["sheets"] if sheet != said["sheet"]]
    more = f" (other sheets: {', '.join(map(repr, others))})" if others else ""
    fix = f"check the file, or name another sheet as {file.name}#SHEET{more}"
    if frame.width == 0:
        raise LimbeckError(f"the sheet {said['sheet']!r} is empty", where=path, fix=fix)
    # Formatted but empty lines at the end of a sheet are no rows.
    filled = frame.select(~pl.all_horizontal(pl.all().is_null())).to_series()
    frame = frame.head(int(np.flatnonzero(filled.to_numpy()).max(initial=-1)) + 1)
    if frame.height == 0:
        raise LimbeckError(f"the sheet {said['sheet']!r} has a header but no rows", where=path, fix=fix)
    return frame
