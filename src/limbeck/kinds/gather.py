"""Files and folders into frames of rows, where a kind has nothing of its own to say: it reads tables."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl

from limbeck.data.tables.rows import Ints, Reject
from limbeck.messages.message import Message
from limbeck.recipe import Signal, Task


@dataclass(frozen=True)
class Sought:
    """What is wanted of a source: which part its rows are, and how they are read.

    ``keep`` are the values of columns that rows must have, ``boxes`` the columns of the part of a picture that counts.
    """

    part: str
    task: Task
    labelled: bool
    layout: str = "table"
    columns: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, str | list[str]] = field(default_factory=dict)
    boxes: str | Sequence[str] | None = None
    signal: Signal = field(default_factory=Signal)


class Gathering(Protocol):
    """What rows are added to, see `limbeck.dataset.gather.Gathered`."""

    partly: bool
    frames: list[pl.DataFrame]
    findings: list[Message]

    def hold(self, frame: pl.DataFrame, numbers: Ints, part: str, file: Path, sought: Sought) -> None:
        """Add rows with their numbers, as far as ``sought.keep`` lets them."""

    def with_labels(self, frame: pl.DataFrame, sought: Sought, file: Path) -> pl.DataFrame:
        """Return rows with a label where the task says what rows without one are."""

    def note_rejects(self, rejects: Sequence[Reject], file: Path, code: str) -> None:
        """Say which rows of a file could not be read."""


def only_tables(gathering: Gathering, source: Path | pl.DataFrame, sought: Sought) -> bool:
    """Return that no source is anything but a table."""
    return False


def as_written(
    gathering: Gathering, frame: pl.DataFrame, sought: Sought, file: Path, given: Collection[str]
) -> pl.DataFrame:
    """Return the rows of a table as they are; ``given`` are the names of its columns in the file."""
    return frame
