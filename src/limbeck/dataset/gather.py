"""Several files into one frame that still knows, for every row, its file and its number there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.labels import label_text, need_inputs, need_plain, text_of
from limbeck.data.split import SPELLINGS
from limbeck.data.tables import layouts, read
from limbeck.data.tables.encoding import GUESSED, readable
from limbeck.data.tables.rows import Ints, Reject, need, plain
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.files import writable
from limbeck.kinds.image.files import located
from limbeck.kinds.image.layouts import celeba_spoof as celeba
from limbeck.kinds.image.layouts import class_folders as folders
from limbeck.kinds.image.layouts import masks
from limbeck.kinds.image.layouts import mvtec as defects
from limbeck.kinds.signal import read as signals
from limbeck.kinds.signal.memory import windows_in_memory
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal, Task
from limbeck.tasks.anomaly import rows as normals

MEMORY = Path("DataFrame")  # what messages call rows that no file holds; their numbers are places from 0


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
        self._add(path, part, task, labelled, layout, columns, keep, boxes, signal)
        if self._unmatched and self.rows == before:
            column, (unseen, known) = next(iter(self._unmatched.items()))
            what = f"no row has {column} = {' or '.join(map(repr, unseen))}"
            where = MEMORY if isinstance(path, pl.DataFrame) else path
            raise LimbeckError(what, where=where, mend=did_you_mean((unseen or [""])[0], sorted(known)))

    def _add(
        self, path: Path | pl.DataFrame, part: str, task: Task, labelled: bool, layout: str,
        columns: Mapping[str, str] | None, keep: Mapping[str, str | list[str]] | None,
        boxes: str | Sequence[str] | None, signal: Signal | None,
    ) -> None:  # fmt: skip
        if task.rows == "signal":
            self._add_signals(path, part, task, labelled, columns or {}, keep or {}, signal or Signal())
            return
        if isinstance(path, pl.DataFrame):
            numbers = np.arange(path.height, dtype=np.int64)
            self._add_table(plain(path), numbers, MEMORY, part, task, labelled, layout, columns, keep or {}, boxes)
            return
        as_published = layout == celeba.NAME and (part == "train" or celeba.is_root(path))
        if task.rows == "image" and path.is_dir() and (as_published or not _has_table(path)):
            self._add_pictures(path, part, task, layout, keep or {})
            return
        if named := read.left_out(path, folders.PICTURES if task.rows == "image" else ()):
            folder = writable(path.resolve().name)
            self.findings.append(message("data.files_left_out", folder=folder, files=named))
        for file in read.sources(path):
            table = read.read(file, encoding=self.encoding)
            if self.encoding is None and table.format.encoding in GUESSED:
                encoding = readable(table.format.encoding)
                self.findings.append(message("data.encoding_guessed", file=file.name, encoding=encoding))
            self._note_rejects(table.rejects, table.path, "data.unreadable_rows")
            if table.frame.width or not table.rejects:
                self._add_table(
                    table.frame, table.numbers, file, part, task, labelled, layout, columns, keep or {}, boxes
                )
            else:
                self._keep(table.frame, table.numbers, part, file, keep or {})

    def _add_table(
        self, frame: pl.DataFrame, numbers: Ints, file: Path, part: str, task: Task, labelled: bool, layout: str,
        columns: Mapping[str, str] | None, keep: Mapping[str, str | list[str]], boxes: str | Sequence[str] | None,
    ) -> None:  # fmt: skip
        """Add the rows of one table, under the recipe's names."""
        given = frame.columns
        if frame.width:
            frame = layouts.apply(
                frame, "table" if layout == celeba.NAME else layout, columns, where=file, partly=self.partly
            )
            frame = normals.unlabelled_as_normal(frame, task, part, file, self.findings)
        need_inputs(frame.columns, task, file)
        need(frame.columns, [task.label] if labelled else [], file)
        need_plain(frame, [*task.inputs, task.label], file)
        if task.rows == "image" and frame.width:
            frame = located(frame, task, boxes, file.parent)
            if task.anomaly and task.mask not in given:
                frame = masks.with_masks(frame, masks.mask_folder(file.parent), task, self.findings)
            frame = celeba.with_boxes(frame) if layout == celeba.NAME else frame
        self._keep(frame, numbers, part, file, keep)

    def _add_signals(
        self, path: Path | pl.DataFrame, part: str, task: Task, labelled: bool, columns: Mapping[str, str],
        keep: Mapping[str, str | list[str]], signal: Signal,
    ) -> None:  # fmt: skip
        """Add the beats of every record that can be read, and a line for each that cannot."""
        if isinstance(path, pl.DataFrame):
            given = layouts.apply(path, "table", columns, where=MEMORY, partly=True)
            sources: Iterable[signals.Found | LimbeckError] = [
                windows_in_memory(given, task, signal, labelled=labelled, source=MEMORY)
            ]
        else:
            sources = signals.read_all(path, task, signal, labelled=labelled, columns=columns)
        for found in sources:
            if isinstance(found, LimbeckError):
                self.findings.append(message("data.record_left_out", reason=found.message()))
                continue
            self.findings += found.findings
            self._note_rejects(found.rejects, found.source, "data.unreadable_beats")
            frame = layouts.apply(found.frame, "table", columns, where=found.source, partly=self.partly)
            self._keep(frame, found.numbers, part, found.source, keep)
        if not self.frames:
            mend = (self.findings or [message("fix.path")])[0]
            where = MEMORY if isinstance(path, pl.DataFrame) else path
            raise LimbeckError("no record can be read", where=where, mend=mend)

    def _add_pictures(
        self, path: Path, part: str, task: Task, layout: str, keep: Mapping[str, str | list[str]]
    ) -> None:
        """Add class folders, or a published layout; a part that the data names counts where all of it is train."""
        if layout == celeba.NAME and (part == "train" or celeba.is_root(path)):
            found, findings = celeba.parts(path, task)
            self.findings += findings
            for own, file, frame in found:
                self._keep(frame, _numbers(frame), own if part == "train" else part, file, keep)
            return
        if celeba.is_root(path):
            raise LimbeckError("this is CelebA-Spoof", where=path, mend=f'set data.layout = "{celeba.NAME}"')
        if task.anomaly and part != "unlabelled" and (defects.is_root(path) or defects.is_part(path)):
            for own, frame in defects.parts(path, task, self.findings):
                self._keep(frame, _numbers(frame), own if part == "train" else part, path / own, keep)
            return
        bare = not any(inner.is_dir() and not inner.name.startswith(".") for inner in path.iterdir())
        if part == "unlabelled":
            frame = folders.flat(path, task.inputs[0])
        elif task.anomaly and bare and part != "test":
            frame = folders.flat(path, task.inputs[0])
            frame = normals.unlabelled_as_normal(frame, task, part, path, self.findings)
        else:
            aside = masks.mask_folder(path) if task.anomaly else None
            frame = folders.class_folders(path, task.inputs[0], task.label, aside)
            frame = masks.with_masks(frame, aside, task, self.findings)
        frame = celeba.with_boxes(frame) if layout == celeba.NAME else frame
        if part != "train" or "split" not in frame.columns:
            self._keep(frame, _numbers(frame), part, path, keep)
            return
        for name in frame["split"].unique(maintain_order=True).to_list():
            rows = frame.filter(pl.col("split") == name)
            self._keep(rows, _numbers(rows), SPELLINGS[name.lower()], path / name, keep)

    def _keep(
        self, frame: pl.DataFrame, numbers: Ints, part: str, file: Path, keep: Mapping[str, str | list[str]]
    ) -> None:
        for column, values in keep.items():
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

    def _note_rejects(self, rejects: Sequence[Reject], file: Path, code: str) -> None:
        if rejects:
            first = rejects[0]
            told = {"file": file.name, "row": first.row, "reason": first.reason}
            self.findings.append(message(code, count=len(rejects), **told))


def _has_table(folder: Path) -> bool:
    """Return whether a table lies in the folder itself; a note as .txt or .json is none where pictures are sought."""
    tables = [file for file in folder.iterdir() if read.ending_of(file) not in ("", ".txt", ".json")]
    return any(not file.name.startswith(".") and not file.name.endswith(read.REJECTED) for file in tables)


def _numbers(frame: pl.DataFrame) -> Ints:
    return np.arange(1, frame.height + 1, dtype=np.int64)


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
