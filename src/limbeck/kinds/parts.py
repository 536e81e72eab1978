"""Which part rows are in and which of them stay together, where a kind has nothing of its own to say."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from limbeck.data.dataset import Names
from limbeck.data.row_identity import Mask
from limbeck.data.split import DRAWN
from limbeck.data.tables.rows import Ints
from limbeck.messages.message import Message
from limbeck.recipe import Data, Recipe, Split, Task

Examined = tuple[pl.DataFrame, Mask, list[Message]]


class Drawing(Protocol):
    """A draw of the parts that the data does not name."""

    def __call__(self, seed: int, share: float) -> Names:
        """Return the parts of all rows; ``share`` of train becomes valid where the recipe does not say how much."""


class Drawn(Protocol):
    """What decides the parts of rows by one draw or by several."""

    def __call__(self, draw: Drawing, split: Names, labels: Ints, seed: int, *, grouped: bool) -> Names:
        """Return the parts; ``split`` are those before, ``grouped`` says whether rows of a group stay together."""


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
