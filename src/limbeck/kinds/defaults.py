"""What holds for rows whose kind has nothing of its own to say: names, copies, parts, and what teachers read."""

# ruff: noqa: ARG001, ARG003 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import polars as pl

from limbeck.data.dataset import Names
from limbeck.data.row_identity import Mask
from limbeck.data.split import DRAWN
from limbeck.data.tables.rows import Ints
from limbeck.messages.message import Message
from limbeck.recipe import Clean, Data, Input, Recipe, Split, Task

Keys = tuple[list[str], list[str]]
Need = Callable[[Iterable[str]], None]
Examined = tuple[pl.DataFrame, Mask, list[Message]]


class Drawing(Protocol):
    """A draw of the parts that the data does not name."""

    def __call__(self, seed: int, share: float) -> Names:
        """Return the parts of all rows; ``share`` of train becomes valid where the recipe does not say how much."""


class Drawn(Protocol):
    """What decides the parts of rows by one draw or by several."""

    def __call__(self, draw: Drawing, split: Names, labels: Ints, seed: int, *, grouped: bool) -> Names:
        """Return the parts; ``split`` are those before, ``grouped`` says whether rows of a group stay together."""


class Asking(Protocol):
    """What is asked about the rows of a frame."""

    def __call__(self, rows: pl.DataFrame, task: Task, columns: Sequence[str], need: Need, *, named: bool) -> Any:
        """Return what ``Classifier.predict_proba`` takes."""


class NothingLearned:
    """An encoder that learns nothing from the training rows, and has no file in a bundle: its settings are all.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe.
    """

    workers: int | None = None  # threads that encode; one for each core when None
    wide: None = None  # only texts have a wide branch

    def __init__(self, settings: Input) -> None:
        self.settings = settings

    @classmethod
    def fit(cls, settings: Input, values: Any) -> Self:
        """Return an encoder: nothing is learned."""
        return cls(settings)

    @classmethod
    def load(cls, settings: Input, folder: Path) -> Self:
        """Return an encoder: the settings of the manifest are all, and nothing is read."""
        return cls(settings)

    def save(self, folder: Path) -> None:
        """Write nothing: the settings are in the manifest."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of a bundle that encoding depends on: none."""
        return ()


def name_alone(task: Task, settings: Input) -> tuple[str, ...]:
    """Return the name of the kind, where ``[input]`` has no say in what a network has to read."""
    return (task.rows,)


def first_column(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return the first input column as texts: a text itself, the path of a picture."""
    return ["" if value is None else str(value) for value in frame[task.inputs[0]].to_list()]


def as_named(frame: pl.DataFrame, texts: Sequence[str], clean: Clean) -> Keys:
    """Return the names of rows as their keys: two rows of one name are copies."""
    return list(texts), list(texts)


def named_group(recipe: Recipe, columns: Collection[str]) -> str | None:
    """Return the column whose rows stay together, where the recipe names one."""
    split = recipe.data.split
    return split.group if isinstance(split, Split) and split.group else recipe.evaluation.group


def drawn_once(draw: Drawing, split: Names, labels: Ints, seed: int, *, grouped: bool) -> Names:
    """Return the parts of one draw."""
    return draw(seed, DRAWN)


def unpublished(frame: pl.DataFrame, split: str | Split, source: Path) -> Names | None:
    """Return None: no published list says which part the rows of a table are in."""
    return None


def no_notes(data: Data) -> list[Message]:
    """Return nothing that has to be said of the split."""
    return []


def unexamined(frame: pl.DataFrame, task: Task, where: Path) -> Examined:
    """Return the rows as they are: all of them can be read."""
    return frame, np.ones(frame.height, dtype=bool), []


def those_there(rows: pl.DataFrame, task: Task, columns: Sequence[str], need: Need, *, named: bool) -> Any:
    """Return the columns that are there.

    Parameters
    ----------
    columns
        What the teacher reads.
    need
        Refuses rows that lack one of its columns.
    named
        Whether the recipe names the columns, so that none may be missing.
    """
    there = [column for column in columns if column in rows.columns]
    need(columns if named or not there else [])
    return rows.select(there)
