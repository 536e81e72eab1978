"""The honest baseline of a classifier, that of its kind of rows, and whether it has learned anything.

A baseline that answers worse than the most frequent class alone is no bar to jump over. It is fitted again, with
regularisation; the better fit counts, and one that is still worse in every respect is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.kinds import kind_of
from limbeck.messages.message import message
from limbeck.metrics.baselines.baseline_row import LEFT_OUT
from limbeck.recipe import Recipe


def kind_line(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], evaluated: Dataset, asked: NDArray[np.int64],
    positive: int | None, majority: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the line of the baseline of the recipe's kind; see `limbeck.evaluation.baselines.baseline_rows`."""
    measured = partial(
        kind_of(recipe.task).load("baseline").fit_and_measure, recipe, train, learned, evaluated, asked, positive
    )
    return checked(lambda steady: measured(steady=steady), majority)


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


def _below(row: Mapping[str, Any], majority: Mapping[str, Any], metric: str) -> bool:
    mine, least = row.get(metric), majority.get(metric)
    return mine is not None and least is not None and mine < least
