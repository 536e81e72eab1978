"""Several files into one frame that still knows, for every row, its file and its number there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data import layouts, read
from limbeck.data.labels import label_text, need_inputs, text_of
from limbeck.data.rows import Ints, need
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.recipe import Task


@dataclass
class Gathered:
    """Frames of one or several files, with part names where whole files are a part."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    numbers: list[Ints] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)  # one per frame
    sources: list[Path] = field(default_factory=list)  # one per frame
    findings: list[str] = field(default_factory=list)

    def add(
        self,
        path: Path,
        part: str,
        *,
        task: Task,
        labelled: bool,
        layout: str = "table",
        columns: Mapping[str, str] | None = None,
        keep: Mapping[str, str | list[str]] | None = None,
    ) -> None:
        """Read a file, or the tables of a folder, and note what could not be read or was filtered out."""
        for file in read.sources(path):
            table = read.read(file)
            self._note_rejects(table)
            frame = layouts.apply(table.frame, layout, columns, where=file) if table.frame.width else table.frame
            if frame.width or not table.rejects:
                need_inputs(frame.columns, task, file)
                need(frame.columns, [task.label] if labelled else [], file)
            numbers = table.numbers
            for column, values in (keep or {}).items():
                if column not in frame.columns and part == "unlabelled":
                    self.findings.append(f"{file.name}: no column {column!r} to filter by, all rows kept")
                    continue
                mask = _matches(frame, column, values, file)
                frame, numbers = frame.filter(mask), numbers[mask]
                self.findings.append(f"{len(numbers):,} of {len(mask):,} rows of {file.name} have {column} = {values}")
            self.frames.append(frame)
            self.numbers.append(numbers)
            self.parts.append(part)
            self.sources.append(file)

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

    def _note_rejects(self, table: read.Table) -> None:
        if table.rejects:
            first = table.rejects[0]
            self.findings.append(
                f"{len(table.rejects):,} unreadable rows left out of {table.path.name}, "
                f"the first is row {first.row}: {first.reason}"
            )


def _matches(
    frame: pl.DataFrame, column: str, values: str | list[str], file: Path
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    need(frame.columns, [column], file)
    allowed = {label_text(value) for value in ([values] if isinstance(values, str) else values)}
    present = text_of(frame[column])
    unseen = sorted(str(value) for value in allowed - set(present) if value is not None)
    mask = np.array([value in allowed for value in present], dtype=bool)
    if not mask.any():
        known = sorted({value for value in present if value is not None})
        raise LimbeckError(
            f"no row has {column} = {' or '.join(unseen)}",
            where=file,
            mend=did_you_mean((unseen or [""])[0], known),
        )
    return mask
