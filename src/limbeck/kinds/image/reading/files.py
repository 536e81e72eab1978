"""Rows of pictures: where the file of each row lies, which part of it counts, and whether it can be read at all.

A table writes paths relative to itself. Beside the path as written, which people read, a row carries three columns of
ours: the path that opens, the box, and after `examine` the hash of the file's content.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.paths import path_in
from limbeck.data.tables.rows import need, text_column
from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.kinds.image.reading.decode import Box, Picture, Seen, look
from limbeck.messages.message import Message, message
from limbeck.process.cores import each
from limbeck.process.quiet import without_warnings
from limbeck.recipe import Task

FILE, BOX, HASH, MASK = "picture.file", "picture.box", "picture.sha256", "picture.mask"
_SHOWN = 20
_NUMBER = re.compile(r"[^\s,;|]+")


def located(frame: pl.DataFrame, task: Task, boxes: str | Sequence[str] | None, base: Path) -> pl.DataFrame:
    """Return rows with their files and boxes; those that a layout has given already stay.

    Parameters
    ----------
    boxes
        A column that holds ``x y w h``, or four columns; None where whole pictures count.
    base
        The folder that relative paths begin in.

    Raises
    ------
    LimbeckError
        When a column is missing.
    """
    name = task.inputs[0]
    if FILE not in frame.columns:
        need(frame.columns, [name], base)
        written = text_column(frame[name]).str.strip_chars().to_list()
        # An absolute path swallows the base; an empty one stays empty, for `examine` to report.
        files = [str(path_in(base, path)) if path else "" for path in written]
        frame = frame.with_columns(pl.Series(FILE, files, pl.String))
    if task.anomaly and MASK not in frame.columns and task.mask in frame.columns:
        marked = text_column(frame[task.mask]).str.strip_chars().to_list()
        frame = frame.with_columns(
            pl.Series(MASK, [str(path_in(base, path)) if path else None for path in marked], pl.String)
        )
    if BOX in frame.columns or boxes is None:
        return frame
    columns = [boxes] if isinstance(boxes, str) else list(boxes)
    need(frame.columns, columns, base)
    cells = [frame[column].to_list() for column in columns]
    found = [read_box(row[0] if isinstance(boxes, str) else row) for row in zip(*cells, strict=True)]
    return frame.with_columns(box_column(found))


def box_column(boxes: Sequence[Sequence[float] | None], frame: float = 0.0) -> pl.Series:
    """Return our column of boxes as text, null where the whole picture counts; ``frame`` as in `Box`."""
    return pl.Series(BOX, [None if box is None else " ".join(map(repr, (*box, frame))) for box in boxes], pl.String)


def read_box(cell: object) -> list[float]:
    """Return the four numbers of a box, all NaN where there are no four: "x y w h", "[x, y, w, h]" or a list."""
    parts = list(cell) if isinstance(cell, list | tuple) else _NUMBER.findall(str(cell or "").strip("[](){} "))
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        numbers = []
    return numbers if len(numbers) == 4 else [float("nan")] * 4


def pictures_of(frame: pl.DataFrame, task: Task) -> list[Picture]:
    """Return the picture of each row; a frame without our columns holds paths from the working folder."""
    names = [str(name or "") for name in frame[task.inputs[0]].to_list()]
    files = frame[FILE].to_list() if FILE in frame.columns else names
    boxes = frame[BOX].to_list() if BOX in frame.columns else [None] * frame.height
    return [
        Picture(file, None if box is None else Box(*map(float, box.split())), name)
        for file, box, name in zip(files, boxes, names, strict=True)
    ]


def examine(frame: pl.DataFrame, task: Task) -> tuple[pl.DataFrame, npt.NDArray[np.bool_], list[Message]]:
    """Look at every file, on all cores.

    Returns
    -------
    frame, good, findings
        The rows with the hash of each file's content; bool [N], which can be read; and a line for each that cannot,
        and for what is odd.
    """
    pictures = pictures_of(frame, task)
    found: list[Seen | LimbeckError] = [LimbeckError("")] * len(pictures)

    def one(at: int) -> None:
        check()
        try:
            if not pictures[at].source:
                where = message("place.row", row=at + 1)
                raise LimbeckError(message("picture.no_path"), where=where, fix=message("fix.fill_in"))
            found[at] = look(pictures[at])
        except LimbeckError as error:
            found[at] = error

    with quiet_pillow():
        each(one, len(pictures))
    good = np.array([isinstance(seen, Seen) for seen in found], dtype=bool)
    hashes = [seen.sha256 if isinstance(seen, Seen) else None for seen in found]
    bad = [message("data.picture_left_out", reason=one.message()) for one in found if isinstance(one, LimbeckError)]
    odd = [
        message("data.odd_picture", file=picture.where, oddity=seen.odd)
        for picture, seen in zip(pictures, found, strict=True)
        if isinstance(seen, Seen) and seen.odd
    ]
    findings = [*_some(bad, "data.more_pictures_left_out"), *_some(odd, "data.more_odd_pictures")]
    return frame.with_columns(pl.Series(HASH, hashes, pl.String)), good, findings


def examined(frame: pl.DataFrame, task: Task, where: Path) -> tuple[pl.DataFrame, npt.NDArray[np.bool_], list[Message]]:
    """Return what `examine` does.

    Raises
    ------
    LimbeckError
        When no picture can be read.
    """
    frame, readable, found = examine(frame, task)
    if not readable.any():
        what = f"none of {len(readable):,} pictures can be read"
        raise LimbeckError(what, where=where, fix=(found or [message("fix.paths")])[0])
    return frame, readable, found


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings of large pictures and broken notes in them: what matters is reported here."""
    with without_warnings("PIL"):
        yield


def _some(lines: list[Message], more: str) -> list[Message]:
    rest = len(lines) - _SHOWN
    return lines if rest <= 0 else [*lines[:_SHOWN], message(more, count=rest)]


def columns_of(inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the columns by which an image is told from others: its name, and what is in the file."""
    return (*inputs, FILE, BOX, HASH)
