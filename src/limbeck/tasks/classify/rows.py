"""Rows for classifiers: every class is learned, and every row stays where it was drawn."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every task

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.tables.rows import Ints
from limbeck.errors import LimbeckError
from limbeck.messages.message import Message
from limbeck.recipe import Task

Names = npt.NDArray[np.str_]


def as_given(frame: pl.DataFrame, task: Task, part: str, file: Path, findings: list[Message]) -> pl.DataFrame:
    """Return the rows of a file: a label that is missing is not guessed."""
    return frame


def parted(before: Names, split: Names, labels: Ints, units: Ints, findings: list[Message]) -> tuple[Names, Ints]:
    """Return the part of each row as it was drawn, and which rows stay: all."""
    return split, np.arange(len(split))


def unlearnable(
    labels: Ints, classes: Sequence[str], split: Names, raw: pl.Series | None, task: Task, where: Path,
    near: Mapping[str, str],
) -> Iterator[LimbeckError]:  # fmt: skip
    """Yield every reason why nothing can be learned from these rows, the worst first.

    ``near`` names the classes that are probably another one misspelt.
    """
    if not np.any(split == "train") and np.any(split == "unlabelled"):
        return  # what can be done without labels, the training knows
    if not np.any(split == "train"):
        yield LimbeckError("there is no row to train on", where=where, fix="check data.train and the split column")
        return
    labelled = labels[labels >= 0]
    if len(np.unique(labelled)) < 2:
        what = f"all rows are of the class {classes[labelled[0]]!r}"
        yield LimbeckError(what, where=where, fix="a classifier needs two classes to tell apart")
        return
    learned = labels[(split == "train") | (split == "valid")]
    for k, name in enumerate(classes):
        count = int(np.count_nonzero(learned == k))
        if count < 2 or not np.any(labels[split == "train"] == k):
            known = "no row in train" if count > 1 else f"{count} {'row' if count == 1 else 'rows'} to learn from"
            what = f"the class {name!r} has {known}"
            fix = "label more of them, or leave the class out of task.classes and its rows out by data.where"
            if name in near:
                other = near[name]
                fix = f"did you mean {other!r}? list all labels in task.classes, with {name!r} = {other!r}"
            yield LimbeckError(what, where=where, fix=fix)
