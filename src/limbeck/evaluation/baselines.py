"""Which baseline goes with which kind of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from limbeck.data.prepare import Dataset
from limbeck.evaluation.baseline import baseline_row
from limbeck.evaluation.baseline_forest import forest_row, table_features
from limbeck.evaluation.baseline_pictures import picture_baseline_row
from limbeck.evaluation.baseline_signal import features, signal_baseline_row
from limbeck.evaluation.baseline_table import table_baseline_row
from limbeck.inputs.kinds import values_of
from limbeck.recipe import Recipe, Task


def has_baseline(task: Task) -> bool:
    """Return whether there is one: detectors of pictures have their companions instead (docs/anomaly.md)."""
    return not task.anomaly or task.rows != "image"


def baseline_rows(
    recipe: Recipe, train: Dataset, learned: np.ndarray, judged: Dataset, asked: np.ndarray, positive: int | None
) -> list[dict[str, Any]]:
    """Train the baseline of the recipe's kind on the rows ``learned`` int64, and judge it on ``asked`` int64."""
    task, labels = recipe.task, (train.labels[learned], judged.labels[asked])
    if task.anomaly:
        frames = train.frame[learned], judged.frame[asked]
        if task.rows == "signal":
            known, strange = (features(recipe.input, frame) for frame in frames)
        else:
            known, strange = table_features(*(frame.select(task.inputs) for frame in frames))
        return [forest_row(known, strange, labels[1], train.classes, recipe.anomaly.false_alarms)]
    if task.kind == "text":
        texts, others = [train.texts[row] for row in learned], [judged.texts[row] for row in asked]
        return [baseline_row(texts, labels[0], others, labels[1], train.classes, positive)]
    if task.kind == "signal":
        beats, unseen = train.frame[learned], judged.frame[asked]
        return [signal_baseline_row(recipe.input, beats, labels[0], unseen, labels[1], train.classes, positive)]
    seen, new = values_of(train.frame[learned], task), values_of(judged.frame[asked], task)
    if task.kind == "table":
        return [table_baseline_row(seen, labels[0], new, labels[1], train.classes, positive)]  # type: ignore[arg-type]
    return [
        picture_baseline_row(
            seen, labels[0], new, labels[1], train.classes, positive,  # type: ignore[arg-type]  # the kind chose them
            settings=recipe.input, seed=recipe.training.seed,
        )
    ]  # fmt: skip
