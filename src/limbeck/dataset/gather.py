"""Several files into one frame that still knows, for every row, its file and its number there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.labels import MEMORY, label_text, need_inputs, need_plain, text_of
from limbeck.data.tables import layouts, read
from limbeck.data.tables.encoding import GUESSED, readable
from limbeck.data.tables.rows import Ints, Reject, need, plain
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import writable
from limbeck.kinds import kind_of
from limbeck.kinds.gather import Sought
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal, Task
from limbeck.tasks import task_of


@dataclass
class Gathered:
    """Frames of one or several files, with part names where whole files are a part.

    ``encoding`` is that of the text files, found where it is None. ``partly``: a file may lack columns that others
    have, see `layouts.apply`.
    """

    encoding: str | None = None
    partly: bool = False
    frames: list[pl.DataFrame] = field(default_factory=list)
    numbers: list[Ints] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)  # one per frame
    sources: list[Path] = field(default_factory=list)  # one per frame
    findings: list[Message] = field(default_factory=list)
    _unmatched: dict[str, tuple[list[str], set[str]]] = field(default_factory=dict)  # filters: sought, there is

    def add(
        self,
        path: Path | pl.DataFrame,
        part: str,
        *,
        task: Task,
        labelled: bool,
        layout: str = "table",
        columns: Mapping[str, str] | None = None,
        keep: Mapping[str, str | list[str]] | None = None,
        boxes: str | Sequence[str] | None = None,
        signal: Signal | None = None,
    ) -> None:
        """Read a file, the tables of a folder, or rows in memory; note what could not be read or was filtered out.

        A folder of pictures without a table is read as class folders, or in its layout; ``boxes`` are the columns of
        `located`. ``signal`` says what a window of a signal is.

        Raises
        ------
        LimbeckError
            For what cannot be read at all, or when ``keep`` leaves no row.
        """
        before = self.rows
        self._unmatched.clear()
        self._add(path, Sought(part, task, labelled, layout, columns or {}, keep or {}, boxes, signal or Signal()))
        if self._unmatched and self.rows == before:
            column, (unseen, known) = next(iter(self._unmatched.items()))
            what = f"no row has {column} = {' or '.join(map(repr, unseen))}"
            where = MEMORY if isinstance(path, pl.DataFrame) else path
            raise LimbeckError(what, where=where, fix=did_you_mean((unseen or [""])[0], sorted(known)))

    def _add(self, source: Path | pl.DataFrame, sought: Sought) -> None:
        kind = kind_of(sought.task)
        if kind.reading.gather(self, source, sought):
            return
        if isinstance(source, pl.DataFrame):
            self._add_table(plain(source), np.arange(source.height, dtype=np.int64), MEMORY, sought)
            return
        if named := read.left_out(source, kind.reading.aside):
            folder = writable(source.resolve().name)
            self.findings.append(message("data.files_left_out", folder=folder, files=named))
        for file in read.sources(source):
            table = read.read(file, encoding=self.encoding)
            if self.encoding is None and table.format.encoding in GUESSED:
                encoding = readable(table.format.encoding)
                self.findings.append(message("data.encoding_guessed", file=file.name, encoding=encoding))
            self.note_rejects(table.rejects, table.path, "data.unreadable_rows")
            if table.frame.width or not table.rejects:
                self._add_table(table.frame, table.numbers, file, sought)
            else:
                self.hold(table.frame, table.numbers, sought.part, file, sought)

    def _add_table(self, frame: pl.DataFrame, numbers: Ints, file: Path, sought: Sought) -> None:
        """Add the rows of one table, under the recipe's names."""
        given, task, kind = frame.columns, sought.task, kind_of(sought.task)
        if frame.width:
            layout = "table" if sought.layout in kind.reading.layouts else sought.layout
            frame = layouts.apply(frame, layout, sought.columns, where=file, partly=self.partly)
            frame = self.with_labels(frame, sought, file)
        need_inputs(frame.columns, task, file)
        need(frame.columns, [task.label] if sought.labelled else [], file)
        need_plain(frame.schema, [*task.inputs, task.label], file)
        self.hold(kind.reading.placed(self, frame, sought, file, given), numbers, sought.part, file, sought)

    def with_labels(self, frame: pl.DataFrame, sought: Sought, file: Path) -> pl.DataFrame:
        """Return rows with a label where the task says what rows without one are."""
        return task_of(sought.task).with_labels(frame, sought.task, sought.part, file, self.findings)

    def hold(self, frame: pl.DataFrame, numbers: Ints, part: str, file: Path, sought: Sought) -> None:
        """Add rows with their numbers, as far as ``sought.keep`` lets them."""
        for column, values in sought.keep.items():
            if column not in frame.columns and part == "unlabelled":
                self.findings.append(message("data.no_filter_column", file=file.name, column=column))
                continue
            mask, unseen, known = _matches(frame, column, values, file)
            if not mask.any():  # another file of the same path may have such rows
                self._unmatched.setdefault(column, (unseen, set()))[1].update(known)
            frame, numbers = frame.filter(mask), numbers[mask]
            shown = values if isinstance(values, str) else " / ".join(map(str, values))
            told = {"file": file.name, "column": column, "values": shown}
            self.findings.append(message("data.filtered", count=len(numbers), total=len(mask), **told))
        self.frames.append(frame)
        self.numbers.append(numbers)
        self.parts.append(part)
        self.sources.append(file)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(map(len, self.numbers))

    def drop(self, which: npt.NDArray[np.bool_]) -> None:
        """Take out the chosen rows, bool (n,)."""
        start = 0
        for at, numbers in enumerate(self.numbers):
            kept = ~which[start : start + len(numbers)]
            start += len(numbers)
            if not kept.all():
                self.frames[at], self.numbers[at] = self.frames[at].filter(pl.Series(kept)), numbers[kept]

    def frame(self) -> pl.DataFrame:
        """Return all rows; a column that files type differently becomes text, one that a file lacks null."""
        types: dict[str, set[pl.DataType]] = {}
        for frame in self.frames:
            for name, kind in frame.schema.items():
                types.setdefault(name, set()).add(kind)
        mixed = [name for name, kinds in types.items() if len(kinds) > 1]
        alike = [
            frame.with_columns(pl.Series(name, text_of(frame[name]), pl.String) for name in mixed if name in frame)
            for frame in self.frames
        ]
        return pl.concat(alike, how="diagonal", rechunk=True)

    def note_rejects(self, rejects: Sequence[Reject], file: Path, code: str) -> None:
        """Say how many rows of a file could not be read, and why the first one."""
        if rejects:
            first = rejects[0]
            told = {"file": file.name, "row": first.row, "reason": first.reason}
            self.findings.append(message(code, count=len(rejects), **told))


def _matches(
    frame: pl.DataFrame, column: str, values: str | list[str], file: Path
) -> tuple[npt.NDArray[np.bool_], list[str], set[str]]:
    """Return which rows have one of the values, which of the values none has, and which there are."""
    need(frame.columns, [column], file)
    allowed = {label_text(value) for value in ([values] if isinstance(values, str) else values)}
    present = text_of(frame[column])
    known = {value for value in present if value is not None}
    unseen = sorted(value for value in allowed if value is not None and value not in known)
    return np.array([value in allowed for value in present], dtype=bool), unseen, known
