"""What `predict` reads: tables, one file or a folder of them, whose rows become those that a bundle knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from limbeck.data.labels import MEMORY, need_inputs, need_plain
from limbeck.data.tables import layouts
from limbeck.data.tables.encoding import GUESSED, readable
from limbeck.data.tables.read import Chunk, file_of, inspect, left_out, sources, stream
from limbeck.errors import LimbeckError
from limbeck.files import same_file, writable
from limbeck.messages.message import message
from limbeck.recipe import Input, Task


@dataclass(frozen=True)
class Wanted:
    """What a bundle reads, and what is being written."""

    task: Task
    settings: Input
    layout: str
    columns: Mapping[str, str]  # name in the file -> name in the recipe
    output: Path
    written: Sequence[Path]  # files that this run writes
    encoding: str | None = None


class Inputs(Protocol):
    """The files that a run of `predict` reads, one after the other.

    Attributes
    ----------
    sources
        The files, or the folder of images.
    notes
        What was left out or guessed.
    file_column
        The column with the file of each row, where one that changes costs only its own row, as an image of a folder
        does, and not the whole source; None elsewhere.
    """

    sources: list[Path]
    notes: list[str]
    file_column: str | None

    def names(self) -> list[str]:
        """Return the columns of the first source, under the recipe's names."""

    def defaults(self, names: Sequence[str]) -> list[str]:
        """Return the columns that are written unless someone asks otherwise."""

    def parts(self, source: Path) -> Sequence[Path] | Sequence[str]:
        """Return the files that are read for a source."""

    def chunks(self, index: int, skip: int, rows: int) -> Iterator[Chunk]:
        """Yield the rows of a source in chunks of at most ``rows``, without the first ``skip`` ones."""

    def frame(self, chunk: Chunk, index: int, written: Sequence[str]) -> pl.DataFrame:
        """Return the rows of a chunk under the recipe's names; ``written`` are the columns of the output."""

    def expected(self, skip: int) -> int | None:
        """Return how many rows are still to come, if that is known before they are read."""


class Tables:
    """A table, or the tables of a folder."""

    file_column: str | None = None
    aside: Collection[str] = ()  # endings of files in a folder that are no tables and need no word

    def __init__(self, source: Path, wanted: Wanted) -> None:
        self.wanted, self.notes = wanted, []
        if named := left_out(source, self.aside):
            folder = writable(source.resolve().name)
            self.notes.append(message("data.files_left_out", folder=folder, files=writable(named)))
        self.sources = [
            file for file in self.found(source) if source == file or not same_file(file_of(file), wanted.output)
        ]

    notes: list[str]
    sources: list[Path]

    def found(self, source: Path) -> list[Path]:
        """Return the tables at a path."""
        return sources(source)

    def names(self) -> list[str]:
        """Return the columns of the first table, under the recipe's names; note an encoding that is a guess."""
        file = self.sources[0]
        form = inspect(file, encoding=self.wanted.encoding)
        if self.wanted.encoding is None and form.encoding in GUESSED:
            known = {"file": writable(file.name), "encoding": readable(form.encoding)}
            self.notes.append(message("data.encoding_guessed", **known))
        names = self._renamed(pl.DataFrame(schema=dict.fromkeys(form.columns, pl.String))).columns
        need_inputs(names, self.wanted.task, file)
        return names

    def defaults(self, names: Sequence[str]) -> list[str]:
        """Return the id column, or else the row number, then the answer."""
        return [id_column(self.wanted.task, names) or self.key(), "label", "class", "probability"]

    def key(self) -> str:
        """Return the column that tells rows apart where there is no id column."""
        return "row"

    def parts(self, source: Path) -> Sequence[Path]:
        """Return the file of a table."""
        return [file_of(source)]

    def chunks(self, index: int, skip: int, rows: int) -> Iterator[Chunk]:
        """Yield the rows of a table in chunks."""
        yield from stream(self.sources[index], rows=rows, skip=skip, encoding=self.wanted.encoding)

    def expected(self, skip: int) -> int | None:
        """Return None: tables are not counted beforehand."""
        return None

    def frame(self, chunk: Chunk, index: int, written: Sequence[str]) -> pl.DataFrame:
        """Return the rows under the recipe's names; a stretch without a readable row has no columns of its own."""
        task = self.wanted.task
        if not len(chunk.numbers):
            names = {*task.inputs, *self.added(), *(name.removeprefix("input.") for name in written)}
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        frame = self._renamed(chunk.frame)
        need_inputs(frame.columns, task, self.sources[index])
        need_plain(frame.schema, task.inputs, self.sources[index])
        return self.completed(frame, self.sources[index])

    def added(self) -> tuple[str, ...]:
        """Return the columns that `completed` adds."""
        return ()

    def completed(self, frame: pl.DataFrame, source: Path) -> pl.DataFrame:
        """Return the rows with what the kind finds out about them."""
        return frame

    def _renamed(self, frame: pl.DataFrame) -> pl.DataFrame:
        return layouts.apply(frame, self.layout(), self.wanted.columns)

    def layout(self) -> str:
        """Return the layout of the columns."""
        return self.wanted.layout


def id_column(task: Task, names: Sequence[str]) -> str | None:
    """Return the column that names each row: the recipe's, or one that is called so; None where there is none."""
    return next((name for name in (task.id, "id", "ID", "Id") if name and name in names), None)


class CellTables(Tables):
    """Tables whose rows are cells: one that lacks an input column is answered without it, and that is noted."""

    def names(self) -> list[str]:
        """Return the columns of the first table, under the recipe's names; note those that are missing."""
        names = super().names()
        if lacks := [name for name in self.wanted.task.inputs if name not in names]:
            self.notes.append(message("data.input_missing", file=writable(self.sources[0].name), columns=lacks))
        return names


def checked_rows(frame: pl.DataFrame, task: Task, settings: Input) -> pl.DataFrame:  # noqa: ARG001
    """Return rows of a frame in memory, whose input columns have to be there and plain.

    Raises
    ------
    LimbeckError
        Where one is missing, or holds lists.
    """
    need_inputs(frame.columns, task, MEMORY)
    need_plain(frame.schema, task.inputs, MEMORY)
    return frame


def own_output(source: Path, output: Path, found: Sequence[Path]) -> None:
    """Refuse an input that is the output, and one that holds nothing else.

    Raises
    ------
    LimbeckError
        Where nothing is left to read.
    """
    if any(same_file(file_of(file), output) for file in found):
        raise LimbeckError("this is the input", where=output, fix="name another output")
    if not found:
        raise LimbeckError("the folder holds no table but the output", where=source, fix="name another output")
