"""Signals as `predict` reads them: one record, or one file of windows, after the other, a row for each beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.file_changes import parts_of
from limbeck.data.labels import need_inputs
from limbeck.data.tables.rows import Chunk, Reject
from limbeck.errors import LimbeckError, MissingExtraError
from limbeck.kinds.inputs import Wanted
from limbeck.kinds.signal.columns import AFTER, BEFORE, PATIENT, RECORD, TIME
from limbeck.kinds.signal.reading.read import RECORDS, read_source, signal_sources
from limbeck.recipe import Input, Task

COLUMNS = (RECORD, PATIENT, TIME, BEFORE, AFTER)
DEFAULT = ("record", "time", "class", "probability")


class Records:
    """The records, or files of windows, at a path; see `limbeck.kinds.inputs.Inputs`."""

    file_column: str | None = None

    def __init__(self, source: Path, wanted: Wanted) -> None:
        self.wanted = wanted
        self.notes: list[str] = []
        self.sources = record_files(source, wanted.output, wanted.task, wanted.columns)

    def names(self) -> list[str]:
        """Return the columns that every row of a signal has."""
        names = record_columns(self.wanted.task)
        need_inputs(names, self.wanted.task, self.sources[0])
        return names

    def defaults(self, names: Sequence[str]) -> list[str]:
        """Return record and time, then the answer."""
        return default_columns(self.sources)

    def parts(self, source: Path) -> Sequence[Path]:
        """Return the files of a record."""
        return parts_of(source, self.wanted.settings.signal.annotations)

    def chunks(self, index: int, skip: int, rows: int) -> Iterator[Chunk]:
        """Yield a record as one chunk."""
        yield record_chunk(self.sources[index], self.wanted.task, self.wanted.settings, skip)

    def expected(self, skip: int) -> int | None:
        """Return None: beats are not counted beforehand."""
        return None

    def frame(self, chunk: Chunk, index: int, written: Sequence[str]) -> pl.DataFrame:
        """Return the beats of a record."""
        return chunk.frame if chunk.frame.height else empty_frame(self.wanted.task)


def record_files(path: Path, output: Path, task: Task, columns: Mapping[str, str]) -> list[Path]:
    """Return the files that hold the signals under a path, but for the output; see `signal_sources`.

    Raises
    ------
    LimbeckError
        When there is none.
    """
    mine = output.resolve()
    return [file for file, _ in signal_sources(path, task, columns) if file.resolve() != mine]


def record_columns(task: Task) -> list[str]:
    """Return the columns that every row of a signal has, besides the answers."""
    return [task.inputs[0], *COLUMNS]


def default_columns(files: Sequence[Path]) -> list[str]:
    """Return what is written unless someone asks otherwise; windows that no record names keep their number."""
    return list(DEFAULT) if all(file.suffix.lower() in RECORDS for file in files) else ["row", *DEFAULT]


def record_chunk(file: Path, task: Task, settings: Input, skip: int) -> Chunk:
    """Read one file as one chunk: a record needs to be read whole, as every beat is held against all of them.

    Parameters
    ----------
    skip
        Rows, rejected ones included, that an earlier run has answered: all of the file's, or none.
    """
    try:
        found = read_source(file, task, settings.signal, labelled=False)
    except MissingExtraError:
        raise  # no record could be read
    except LimbeckError as error:
        # A record that cannot be read is one rejected row, and the others are answered.
        rejects: Sequence[Reject] = () if skip else (Reject(0, str(error)),)
        return Chunk(empty_frame(task), np.empty(0, dtype=np.int64), tuple(rejects))
    if skip:
        return Chunk(found.frame.clear(), np.empty(0, dtype=np.int64))
    return Chunk(found.frame, found.numbers, found.rejects)


def empty_frame(task: Task) -> pl.DataFrame:
    """Return no rows, with the columns of some."""
    kinds = {TIME: pl.Float64, BEFORE: pl.Float64, AFTER: pl.Float64}
    return pl.DataFrame(schema={name: kinds.get(name, pl.String) for name in record_columns(task)})
