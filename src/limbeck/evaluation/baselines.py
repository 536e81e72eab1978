"""Which baseline goes with which kind of rows and which task; the majority class always stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from limbeck.data.dataset import Dataset
from limbeck.kinds import kind_of
from limbeck.messages.message import Message, message
from limbeck.metrics.baselines.baseline_row import LEFT_OUT
from limbeck.metrics.baselines.majority_baseline import majority_row
from limbeck.recipe import Recipe, Task
from limbeck.tasks import task_of


def has_baseline(task: Task) -> bool:
    """Return whether there is one: detectors of pictures have their companions instead (docs/anomaly.md)."""
    return task_of(task).has_baseline(kind_of(task))


def baseline_rows(
    recipe: Recipe, train: Dataset, learned: np.ndarray, evaluated: Dataset, asked: np.ndarray, positive: int | None, *,
    plain: bool = True,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the lines of the baseline of the recipe's kind and of the majority class.

    Parameters
    ----------
    learned, asked
        int64, the rows of ``train`` that it learns from, and those of ``evaluated`` that it is measured on.
    plain
        Whether the baseline of the kind is trained; the majority class always has its line.
    """
    majority = majority_row(train.labels[learned], evaluated.labels[asked], train.classes, positive)
    if not plain or not len(learned) or not has_baseline(recipe.task):
        return [majority]
    line = task_of(recipe.task).baseline
    with kept_for_baseline(recipe.task):  # it may be fitted twice
        return [line(recipe, train, learned, evaluated, asked, positive, majority), majority]


def kept_for_baseline(task: Task) -> AbstractContextManager[None]:
    """Return a context in which the baseline's share of reading rows is kept in memory, where the kind keeps any."""
    kind = kind_of(task)
    if not has_baseline(task) or not kind.offers("baseline", "kept"):
        return nullcontext()
    found: AbstractContextManager[None] = kind.load("baseline").kept()
    return found


def left_out(rows: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return a finding for each baseline that is left out."""
    return [
        message("evaluation.baseline_left_out", name=row["name"], reason=row[LEFT_OUT])
        for row in rows
        if LEFT_OUT in row
    ]
