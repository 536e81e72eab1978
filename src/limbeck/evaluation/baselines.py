"""Which baseline goes with which kind of rows, and whether it has learned anything.

A baseline that answers worse than the most frequent class alone is no bar to jump over. It is fitted again, with
regularisation; the better fit counts, and one that is still worse in every respect is left out, with the reason. The
majority class itself always stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from limbeck.data.dataset import Dataset
from limbeck.kinds.image.baseline import picture_baseline_row
from limbeck.kinds.select import values_of
from limbeck.kinds.signal.baseline import features, signal_baseline_row
from limbeck.kinds.table.baseline import table_baseline_row
from limbeck.kinds.text.baseline import baseline_row
from limbeck.messages.message import Message, message
from limbeck.metrics.majority_baseline import majority_row
from limbeck.recipe import Recipe, Task
from limbeck.tasks.anomaly.baseline import forest_row, table_features

LEFT_OUT = "left_out"  # why a baseline has no figures


def has_baseline(task: Task) -> bool:
    """Return whether there is one: detectors of pictures have their companions instead (docs/anomaly.md)."""
    return not task.anomaly or task.rows != "image"


def baseline_rows(
    recipe: Recipe, train: Dataset, learned: np.ndarray, judged: Dataset, asked: np.ndarray, positive: int | None, *,
    plain: bool = True,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the lines of the baseline of the recipe's kind and of the majority class.

    Parameters
    ----------
    learned, asked
        int64, the rows of ``train`` that it learns from, and those of ``judged`` that it is measured on.
    plain
        Whether the baseline of the kind is trained; the majority class always has its line.
    """
    majority = majority_row(train.labels[learned], judged.labels[asked], train.classes, positive)
    if not plain or not len(learned) or not has_baseline(recipe.task):
        return [majority]
    if recipe.task.anomaly:  # unsupervised: its line is drawn by false alarms, and there is nothing to regularise
        return [_forest(recipe, train, learned, judged, asked), majority]
    return [checked(_fitted(recipe, train, learned, judged, asked, positive), majority), majority]


def checked(fit: Callable[[bool], dict[str, Any]], majority: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of a baseline that learned something, or its name with the reason why it is left out.

    ``fit`` takes whether to regularise more. One whose accuracy is below the majority's is kept where its macro F1 is
    above: classes may be told apart and still not be worth an answer.
    """
    row = fit(False)
    if not _below(row, majority, "accuracy"):
        return row
    row = max((row, fit(True) | {"regularised": True}), key=lambda one: float(one["accuracy"]))
    if not (_below(row, majority, "accuracy") and _below(row, majority, "macro_f1")):
        return row
    why = message("evaluation.baseline_too_weak", accuracy=row["accuracy"], majority=majority["accuracy"])
    return {"name": row["name"], LEFT_OUT: why, "n_train": row["n_train"], "seconds": row["seconds"]}


def left_out(rows: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return a finding for each baseline that is left out."""
    return [
        message("evaluation.baseline_left_out", name=row["name"], reason=row[LEFT_OUT])
        for row in rows
        if LEFT_OUT in row
    ]


def _below(row: Mapping[str, Any], majority: Mapping[str, Any], metric: str) -> bool:
    mine, least = row.get(metric), majority.get(metric)
    return mine is not None and least is not None and mine < least


def _forest(recipe: Recipe, train: Dataset, learned: np.ndarray, judged: Dataset, asked: np.ndarray) -> dict[str, Any]:
    task, frames = recipe.task, (train.frame[learned], judged.frame[asked])
    if task.rows == "signal":
        known, strange = (features(recipe.input, frame) for frame in frames)
    else:
        known, strange = table_features(*(frame.select(task.inputs) for frame in frames))
    return forest_row(known, strange, judged.labels[asked], train.classes, recipe.anomaly.false_alarms)


def _fitted(
    recipe: Recipe, train: Dataset, learned: np.ndarray, judged: Dataset, asked: np.ndarray, positive: int | None
) -> Callable[[bool], dict[str, Any]]:
    """Return what fits the baseline of a classifier's kind and measures it."""
    task, y, z, classes = recipe.task, train.labels[learned], judged.labels[asked], train.classes
    if task.rows == "text":
        texts, others = [train.texts[row] for row in learned], [judged.texts[row] for row in asked]
        return lambda steady: baseline_row(texts, y, others, z, classes, positive, steady=steady)
    if task.rows == "signal":
        beats, unseen = train.frame[learned], judged.frame[asked]
        return lambda steady: signal_baseline_row(
            recipe.input, beats, y, unseen, z, classes, positive, steady=steady
        )  # fmt: skip
    seen: Any = values_of(train.frame[learned], task)
    new: Any = values_of(judged.frame[asked], task)
    if task.rows == "table":
        return lambda steady: table_baseline_row(seen, y, new, z, classes, positive, steady=steady)
    seed = recipe.training.seed
    return lambda steady: picture_baseline_row(
        seen, y, new, z, classes, positive, settings=recipe.input, seed=seed, steady=steady
    )  # fmt: skip
