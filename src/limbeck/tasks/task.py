"""What a task is: one object that holds all that differs between classification and anomaly detection.

Each folder beside this file has such an object in its ``__init__.py``, and `limbeck.tasks.TASKS` lists them. What is
heavy, or needs torch or scikit-learn, is a module of the folder that is named and loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from limbeck.data.dataset import Names
from limbeck.data.tables.rows import Ints
from limbeck.errors import LimbeckError
from limbeck.messages.message import Message
from limbeck.recipe import Task


@dataclass(frozen=True)
class TaskKind:
    """All that differs between tasks.

    Attributes
    ----------
    name
        Also the name of the folder.
    detects
        Whether a student learns what is normal and scores how far a row is from it, and tells no classes apart.
    labels
        The number of each row's label, int64 [N], of a frame with its task, place, row numbers and classes.
    with_labels
        The rows of a file with a label, where the task says what rows without one are; writes into the findings.
    parted
        The part of each row and the rows that stay, after parts are drawn: parts as they were given, as they were
        drawn, labels, numbers of rows that belong together; writes into the findings.
    unlearnable
        What keeps a student from learning of rows: labels, classes, parts, labels as written, the task, the place, and
        classes that are probably another one misspelt.
    learns_labels
        Whether the label is what is learned, and so no input.
    """

    name: str
    labels: Callable[[pl.DataFrame, Task, object, Ints, Sequence[str]], Ints]
    with_labels: Callable[[pl.DataFrame, Task, str, Path, list[Message]], pl.DataFrame]
    parted: Callable[[Names, Names, Ints, Ints, list[Message]], tuple[Names, Ints]]
    unlearnable: Callable[
        [Ints, Sequence[str], Names, pl.Series | None, Task, Path, Mapping[str, str]], Iterator[LimbeckError]
    ]
    detects: bool = False
    learns_labels: bool = True

    def load(self, module: str) -> Any:
        """Import a module of the task's folder, e.g. ``"baseline"``."""
        return import_module(f"limbeck.tasks.{self.name}.{module}")
