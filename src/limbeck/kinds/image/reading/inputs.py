"""Images as `predict` reads them: one file, all of a folder and of the folders in it, or tables that name some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.labels import need_inputs
from limbeck.data.tables.rows import Chunk
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.files import FILE, located
from limbeck.kinds.image.reading.layouts import celeba_spoof
from limbeck.kinds.image.reading.layouts.class_folders import PICTURES, flat, holds_pictures
from limbeck.kinds.inputs import Inputs, Tables, Wanted, checked_rows, id_column
from limbeck.recipe import Input, Task


def image_inputs(source: Path, wanted: Wanted) -> Inputs:
    """Return the images that lie at a path; its tables where it is neither an image nor a folder that holds some."""
    alone = source.suffix.lower() in PICTURES and source.is_file()
    if alone or (source.is_dir() and holds_pictures(source)):
        return ImageFiles(source, wanted)
    return ImageTables(source, wanted)


def given_images(frame: pl.DataFrame, task: Task, settings: Input) -> pl.DataFrame:
    """Return rows of a frame in memory with the place of each file; paths begin in the working folder."""
    return located(checked_rows(frame, task, settings), task, settings.box, Path())


class ImageFiles:
    """One image, or those of a folder and of all folders in it, sorted by path."""

    file_column: str | None = FILE

    def __init__(self, source: Path, wanted: Wanted) -> None:
        self.sources, self.wanted = [source], wanted
        self.notes: list[str] = []

    def names(self) -> list[str]:
        """Return the one column: the path."""
        names = [self.wanted.task.inputs[0]]
        need_inputs(names, self.wanted.task, self.sources[0])
        return names

    def defaults(self, names: Sequence[str]) -> list[str]:
        """Return the path, then the answer."""
        return [id_column(self.wanted.task, names) or self.wanted.task.inputs[0], "label", "class", "probability"]

    @cached_property
    def listed(self) -> pl.DataFrame:
        """The images; what this run writes is none of them."""
        listed = flat(self.sources[0], self.wanted.task.inputs[0])
        own = {file.name: file.resolve() for file in self.wanted.written}
        kept = [Path(file).name not in own or Path(file).resolve() not in own.values() for file in listed[FILE]]
        return listed.filter(pl.Series(kept, dtype=pl.Boolean))

    def parts(self, source: Path) -> Sequence[str]:
        """Return the files of the images."""
        return list(self.listed[FILE].to_list())

    def chunks(self, index: int, skip: int, rows: int) -> Iterator[Chunk]:
        """Yield the images in chunks."""
        for start in range(skip, self.listed.height, rows):
            part = self.listed.slice(start, rows)
            yield Chunk(part, np.arange(start + 1, start + 1 + part.height, dtype=np.int64))

    def expected(self, skip: int) -> int | None:
        """Return how many images are still to come."""
        return int(self.listed.height) - skip

    def frame(self, chunk: Chunk, index: int, written: Sequence[str]) -> pl.DataFrame:
        """Return the rows of a chunk, with the place of each file."""
        if not len(chunk.numbers):
            names = {self.wanted.task.inputs[0], FILE, *(name.removeprefix("input.") for name in written)}
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        frame = located(chunk.frame, self.wanted.task, None, self.sources[index].parent)
        return celeba_spoof.with_boxes(frame) if self.wanted.layout == celeba_spoof.NAME else frame


class ImageTables(Tables):
    """Tables that name images; their paths begin in the folder of the table."""

    aside = PICTURES

    def found(self, source: Path) -> list[Path]:
        """Return the tables at a path.

        Raises
        ------
        LimbeckError
            Where there is none, nor an image.
        """
        try:
            return super().found(source)
        except LimbeckError as error:
            if not source.is_dir():
                raise
            what = "the folder holds no picture, and no table that names some"
            raise LimbeckError(what, where=source, fix="check the path") from error

    def key(self) -> str:
        """Return the column of the paths."""
        return self.wanted.task.inputs[0]

    def layout(self) -> str:
        """Return the layout of the columns; a folder that lies as published is read by path here, like any other."""
        return "table" if self.wanted.layout == celeba_spoof.NAME else self.wanted.layout

    def added(self) -> tuple[str, ...]:
        """Return the column of the file."""
        return (FILE,)

    def completed(self, frame: pl.DataFrame, source: Path) -> pl.DataFrame:
        """Return the rows with the place of each file, and the part of it that counts."""
        frame = located(frame, self.wanted.task, self.wanted.settings.box, source.parent)
        return celeba_spoof.with_boxes(frame) if self.wanted.layout == celeba_spoof.NAME else frame
