"""The rows of all files that were gathered, with their labels as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.labels import labels_in
from limbeck.data.tables.rows import Ints, need
from limbeck.dataset.gather import Gathered
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.kind import Kind
from limbeck.messages.findings import is_unreadable, reason_of
from limbeck.messages.message import Message, code_of, message
from limbeck.recipe import Task
from limbeck.tasks import task_of


@dataclass(frozen=True)
class Joined:
    """N rows of one or several files: texts [N], int64 [N] of class, number in the file, and file."""

    frame: pl.DataFrame
    texts: list[str]
    labels: Ints
    classes: tuple[str, ...]
    numbers: Ints
    origin: Ints

    @classmethod
    def of(
        cls,
        gathered: Gathered,
        task: Task,
        where: Path,
        classes: tuple[str, ...] = (),
        hidden: npt.NDArray[np.bool_] | None = None,
    ) -> Joined:
        """Join the gathered files; labels of ``hidden`` rows, bool (n,), are not even looked at."""
        ends = np.cumsum([0, *(len(numbers) for numbers in gathered.numbers)])
        if not ends[-1]:
            raise _unreadable(gathered, where)
        shown = np.ones(ends[-1], dtype=bool) if hidden is None else ~hidden
        raw: list[str | None] = []
        for at, frame in enumerate(gathered.frames):
            if shown[ends[at] : ends[at + 1]].any():
                need(frame.columns, [task.label], gathered.sources[at])
                raw += labels_in(frame[task.label].filter(pl.Series(shown[ends[at] : ends[at + 1]])), task)
        if not classes and not raw and task.class_map is None:
            raise LimbeckError("no label says what the classes are", where=where, fix="write task.classes")
        classes = classes or task_of(task).classes(raw, task, where)
        labels = np.full(ends[-1], -1, dtype=np.int64)
        for at, (frame, source, numbers) in enumerate(
            zip(gathered.frames, gathered.sources, gathered.numbers, strict=True)
        ):
            part = ends[at] + np.flatnonzero(shown[ends[at] : ends[at + 1]])
            if len(part):
                labels[part] = task_of(task).labels(
                    frame[part - ends[at]], task, source, numbers[part - ends[at]], classes
                )
        sizes = [len(numbers) for numbers in gathered.numbers]
        frame = gathered.frame()
        texts = kind_of(task).names(frame, task)
        origin = np.repeat(np.arange(len(sizes)), sizes)
        return cls(frame, texts, labels, classes, np.concatenate(gathered.numbers), origin)

    def names(self, kind: Kind) -> list[object]:
        """Return what findings call the rows: pictures by their paths, others by their numbers."""
        return list(self.texts) if kind.by_name else self.numbers.tolist()

    def examined(self, task: Task, where: Path, findings: list[Message]) -> tuple[Joined, npt.NDArray[np.bool_]]:
        """Return the rows that can be read, with what their kind finds in each, and which of all those are."""
        frame, readable, found = kind_of(task).reading.examined(self.frame, task, where)
        findings += found
        rows = replace(self, frame=frame)
        return rows if readable.all() else rows.take(np.flatnonzero(readable)), readable

    def take(self, rows: Ints) -> Joined:
        """Return the chosen rows."""
        texts = [self.texts[row] for row in rows]
        return Joined(self.frame[rows], texts, self.labels[rows], self.classes, self.numbers[rows], self.origin[rows])


def _unreadable(gathered: Gathered, where: Path) -> LimbeckError:
    why = next((line for line in gathered.findings if is_unreadable(line)), message("fix.file"))
    if code_of(reason_of(why)) in ("row.bad_bytes", "row.no_json"):
        why = message("error.fix", what=why, fix=message("fix.encoding"))
    place = gathered.sources[0] if len(gathered.sources) == 1 else where
    return LimbeckError("no row can be read", where=place, fix=why)
