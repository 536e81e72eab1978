"""What a kind of rows says about reading them, about copies among them, about their parts, and of them as a teacher's.

Each section is as plain tables want it where nothing else is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.dataset import Names
from limbeck.data.near_duplicates import Ints, exact
from limbeck.data.row_identity import Mask, always_told
from limbeck.kinds.defaults import (
    Asking,
    Drawn,
    Examined,
    Keys,
    as_named,
    drawn_once,
    named_group,
    no_notes,
    those_there,
    unexamined,
    unpublished,
)
from limbeck.kinds.gather import Gathering, Sought, as_written, only_tables
from limbeck.kinds.inputs import Inputs, Tables, Wanted, checked_rows
from limbeck.messages.message import Message
from limbeck.recipe import Clean, Data, Input, Recipe, Split, Task


@dataclass(frozen=True)
class Reading:
    """Where rows come from.

    Attributes
    ----------
    inputs
        What `predict` reads at a path.
    gather
        Adds a source that is no table to what is gathered, and returns whether it was one.
    placed
        The rows of a table with what the kind adds: where their files lie.
    aside, layouts
        Endings of files in a folder of tables that need no word; names of ``data.layout`` that are about folders.
    given
        Rows of a frame that is given from Python, checked, with what their files say.
    examined
        The rows with what a look at each one finds, which of them can be read, and a line for each that cannot.
    """

    inputs: Callable[[Path, Wanted], Inputs] = Tables
    gather: Callable[[Gathering, Path | pl.DataFrame, Sought], bool] = only_tables
    placed: Callable[[Gathering, pl.DataFrame, Sought, Path, Collection[str]], pl.DataFrame] = as_written
    aside: Collection[str] = ()
    layouts: Collection[str] = ()
    given: Callable[[pl.DataFrame, Task, Input], pl.DataFrame] = checked_rows
    examined: Callable[[pl.DataFrame, Task, Path], Examined] = unexamined


@dataclass(frozen=True)
class Copies:
    """What makes rows copies of each other.

    Attributes
    ----------
    keys
        What makes two rows copies, and what makes them near copies: two rows with one key are such.
    near
        Row numbers of near copies: keys of the second sort -> int64 [N], one number for rows that are near.
    told
        Which rows no second, unrelated row would be like by chance: see `limbeck.data.row_identity`.
    same, alike, empty
        Codes of messages: what copies have in common, rows that are alike by nature, what rows without content are.
    """

    keys: Callable[[pl.DataFrame, Sequence[str], Clean], Keys] = as_named
    near: Callable[[Sequence[str]], Ints] = exact
    told: Callable[[pl.DataFrame, Sequence[str], Task], Mask] = always_told
    same: str = "content.values"
    alike: str = "data.rows_alike"
    empty: str = "content.texts"


@dataclass(frozen=True)
class Parts:
    """How rows come to be in train, valid and test.

    Attributes
    ----------
    group
        The column whose rows stay together, of a recipe and the columns that are there.
    published
        The parts of rows by a published list, where ``data.split`` names it.
    drawn
        The parts of rows by one draw or the best of several.
    straddling
        Takes groups that stand in several given parts out of the lesser ones; None: the check for leaks refuses them.
    notes
        What has to be said of the split that a recipe asks for.
    """

    group: Callable[[Recipe, Collection[str]], str | None] = named_group
    published: Callable[[pl.DataFrame, str | Split, Path], Names | None] = unpublished
    drawn: Drawn = drawn_once
    straddling: Callable[[NDArray[np.object_], Names, Mask, list[Message]], None] | None = None
    notes: Callable[[Data], list[Message]] = no_notes


@dataclass(frozen=True)
class AsTeacher:
    """What a teacher that reads rows of this kind is asked.

    Attributes
    ----------
    columns
        The columns of a frame that its answer depends on and by which a row is told from others, of the inputs.
    asked
        What a bundle is asked about the rows of a frame.
    """

    columns: Callable[[Sequence[str]], tuple[str, ...]] = tuple
    asked: Asking = those_there
