"""Which rows with several labels can be learned from: each label needs rows with it, and rows without it."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every task

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.dataset import Names
from limbeck.data.label_sets import membership, names_in, truth_of
from limbeck.data.tables.rows import Ints
from limbeck.errors import LimbeckError
from limbeck.recipe import Task

FEWEST = 2  # rows with a label, in train and valid together


def unlearnable(
    labels: Ints, classes: Sequence[str], split: Names, raw: pl.Series | None, task: Task, where: Path,
    near: Mapping[str, str],
) -> Iterator[LimbeckError]:  # fmt: skip
    """Yield every reason why nothing can be learned from these rows; ``classes`` are the sets of labels."""
    if not np.any(split == "train"):
        if not np.any(split == "unlabelled"):
            yield LimbeckError("there is no row to train on", where=where, fix="check data.train and the split column")
        return  # what can be done without labels, the training knows
    names = names_in(classes, task, where)
    truth = truth_of(labels, membership(classes, names, task))
    train, learned = truth[split == "train"], truth[(split == "train") | (split == "valid")]
    for at, name in enumerate(names):
        count = int(np.nansum(learned[:, at]))
        if count < FEWEST or not np.nansum(train[:, at]):
            known = "no row in train" if count >= FEWEST else f"{count} row{'s' * (count != 1)} to learn from"
            fix = "label more of them, or take it out of the cells"
            yield LimbeckError(f"the label {name!r} has {known}", where=where, fix=fix)
        elif np.all(train[:, at] == 1):
            what = f"every row of train has the label {name!r}"
            yield LimbeckError(what, where=where, fix="take it out of the cells, or give rows without it")
