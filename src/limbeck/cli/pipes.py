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

from limbeck.data.tables.read import ending_of
from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach

DASH = Path("-")
_MAGIC = ((b"PAR1", ".parquet"), (b"\x1f\x8b", ".csv.gz"), (b"PK\x03\x04", ".xlsx"), (b"{", ".jsonl"), (b"[", ".json"))


@contextmanager
def whole_input(source: Path) -> Iterator[Path]:
    """Yield a file with what comes through ``-`` (standard input) or a pipe; any other path as it is.

    A pipe without the ending of a table holds CSV, unless it begins as Parquet, gzip, Excel or JSON do.

    Raises
    ------
    LimbeckError
        When there is no room for it; errors inside name the pipe, not the temporary file.
    """
    if source != DASH and not _is_pipe(source):
        yield source
        return
    shown = "standard input" if source == DASH else str(source)
    with tempfile.TemporaryDirectory(prefix="limbeck-") as folder:
        try:
            if source == DASH:
                spooled = _spooled(sys.stdin.buffer, Path(folder), "stdin")
            else:
                with source.open("rb") as pipe:
                    spooled = _spooled(pipe, Path(folder), source.name)
        except OSError as error:
            raise out_of_reach(error, Path(folder)) from error
        try:
            yield spooled
        except LimbeckError as error:
            where = None if error.where is None else str(error.where).replace(str(spooled), shown)
            raise LimbeckError(error.what, where=where, fix=error.fix) from error


@contextmanager
def whole_output(output: Path) -> Iterator[Path]:
    """Yield a file whose content goes to standard output when the work is done, for ``-``; any other path as it is."""
    if output != DASH:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="limbeck-") as folder:
        answers = Path(folder) / "answers.csv"
        yield answers
        with answers.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def _spooled(pipe: BinaryIO, folder: Path, name: str) -> Path:
    """Write all of a pipe to a file that is named as the pipe, with the ending of what it holds."""
    begin = pipe.read(1 << 16)
    if not ending_of(Path(name)):
        name += next((ending for magic, ending in _MAGIC if begin.lstrip().startswith(magic)), ".csv")
    spooled = folder / name
    with spooled.open("wb") as file:
        file.write(begin)
        shutil.copyfileobj(pipe, file, 1 << 20)
    return spooled
