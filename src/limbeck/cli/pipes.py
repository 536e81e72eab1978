"""Standard input and output, and other pipes, in the place of files.

Tables are read more than once (encoding, columns, rows), so what comes through a pipe goes to a temporary file first.
"""

from __future__ import annotations

import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from limbeck.data.tables.excel_file import ENDINGS as EXCEL
from limbeck.data.tables.read import TABLES, ending_of
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import out_of_reach

DASH = Path("-")
_MAGIC = (
    (b"PAR1", ".parquet"), (b"\x1f\x8b", ".csv.gz"), (b"\x28\xb5\x2f\xfd", ".csv.zst"), (b"PK\x03\x04", ".xlsx"),
    (b"{", ".jsonl"), (b"[", ".json"),
)  # fmt: skip


@contextmanager
def whole_input(source: Path, form: str | None = None, sheet: str | None = None) -> Iterator[Path]:
    """Yield a file with what comes through ``-`` (standard input) or a pipe; any other path as it is.

    A pipe without the ending of a table holds what ``form`` says, e.g. ``tsv`` or ``jsonl.gz``; without it CSV, unless
    it begins as Parquet, gzip, Zstandard, Excel or JSON do. ``sheet`` is the one to read of an Excel file.

    Raises
    ------
    LimbeckError
        For an unknown ``form``, a ``form`` of what is no pipe, and a ``sheet`` of what is no Excel file. When there is
        no space for it; errors inside name the pipe, not the temporary file.
    """
    ending = None if form is None else f".{form.lower().removeprefix('.')}"
    if ending is not None and ending not in TABLES:
        fix = did_you_mean(ending[1:], [name[1:] for name in TABLES])
        raise LimbeckError(f"unknown format {form!r}", where="--input-format", fix=fix)
    if source != DASH and not _is_pipe(source):
        if ending is not None:
            what = "is for pipes; the ending of a file says what it holds"
            raise LimbeckError(what, where="--input-format", fix="leave it out, or rename the file")
        yield with_sheet(source, sheet)
        return
    shown = "standard input" if source == DASH else str(source)
    with tempfile.TemporaryDirectory(prefix="limbeck-") as folder:
        try:
            if source == DASH:
                spooled = _spooled(sys.stdin.buffer, Path(folder), "stdin", ending)
            else:
                with source.open("rb") as pipe:
                    spooled = _spooled(pipe, Path(folder), source.name, ending)
        except OSError as error:
            raise out_of_reach(error, Path(folder)) from error
        try:
            yield with_sheet(spooled, sheet)
        except LimbeckError as error:
            where = None if error.where is None else str(error.where).replace(str(spooled), shown)
            raise LimbeckError(error.what, where=where, fix=error.fix) from error


@contextmanager
def whole_output(output: Path, form: str = "csv") -> Iterator[Path]:
    """Yield a file whose content goes to standard output when the work is done, for ``-``; any other path as it is.

    ``form`` is how standard output is written, e.g. ``jsonl``.
    """
    if output != DASH:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="limbeck-") as folder:
        answers = Path(folder) / f"answers.{form}"
        yield answers
        with answers.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def with_sheet(source: Path, sheet: str | None) -> Path:
    """Return the path of a sheet in an Excel file; the path itself where no sheet is named.

    Raises
    ------
    LimbeckError
        For a sheet of what is no Excel file.
    """
    if sheet is None:
        return source
    if ending_of(source) not in EXCEL:
        raise LimbeckError("this is no Excel file, and has no sheets", where=source, fix="leave --sheet out")
    return source.with_name(f"{source.name}#{sheet}")


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def _spooled(pipe: BinaryIO, folder: Path, name: str, ending: str | None) -> Path:
    """Write all of a pipe to a file that is named as the pipe, with the ending of what it holds."""
    begin = pipe.read(1 << 16)
    if ending is not None or not ending_of(Path(name)):
        name += ending or next((found for magic, found in _MAGIC if begin.lstrip().startswith(magic)), ".csv")
    spooled = folder / name
    with spooled.open("wb") as file:
        file.write(begin)
        shutil.copyfileobj(pipe, file, 1 << 20)
    return spooled
