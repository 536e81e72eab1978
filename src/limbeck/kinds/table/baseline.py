"""The honest baseline of tables: scikit-learn's histogram gradient boosting (Ke et al. 2017), on the same columns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.data.dataset import Dataset
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.from_memory import cells_in
from limbeck.metrics.baselines.baseline_row import boosted, fit_boosting, line, spread_out
from limbeck.recipe import Input, Recipe

NAME = "gradient-boosted trees"
EACH = "gradient-boosted trees, one-vs-rest"


def features(encoder: TableInput, frame: pl.DataFrame) -> NDArray[np.float32]:
    """Return encoded rows float32 [N, F + G], NaN where missing: trees take numbers as they come."""
    return flat(encoder.encode(frame))


def flat(rows: Dense) -> NDArray[np.float32]:
    """Return encoded rows as float32 [N, F + G], NaN where missing."""
    numbers = np.where(rows.missing > 0, np.nan, rows.numbers)
    categories = np.where(rows.categories > 0, rows.categories, np.nan)
    return np.concatenate((numbers, categories), axis=1).astype(np.float32)


def fit_and_measure(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], evaluated: Dataset, asked: NDArray[np.int64],
    positive: int | None, *, steady: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the baseline's line of the report; see ``baseline`` in `limbeck.kinds.kind.Kind`."""
    seen, new = cells_in(train.frame[learned], recipe.task), cells_in(evaluated.frame[asked], recipe.task)
    y, z = train.labels[learned], evaluated.labels[asked]
    return table_baseline_row(seen, y, new, z, train.classes, positive, steady=steady)


def one_vs_rest(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], truth: NDArray[np.bool_], others: Sequence[Dataset]
) -> tuple[str, list[NDArray[np.float64]]]:
    """Return the name, and log-odds float64 [M, L] of all rows of each of ``others``: trees for each label.

    Parameters
    ----------
    learned, truth
        int64 [N], the rows of ``train`` that are learned from, and which of L labels each has, bool [N, L].
    """
    seen = cells_in(train.frame[learned], recipe.task)
    encoder = TableInput.fit(Input(), seen)
    matrix = features(encoder, seen)
    asked = [features(encoder, cells_in(one.frame, recipe.task)) for one in others]
    out = [np.zeros((len(one.labels), truth.shape[1])) for one in others]
    for at in range(truth.shape[1]):
        model = fit_boosting(matrix, truth[:, at].astype(np.int64), "the table baseline")
        for scores, rows in zip(out, asked, strict=True):
            p = np.clip(spread_out(model, rows, 2)[:, 1], 1e-7, 1.0 - 1e-7)
            scores[:, at] = np.log(p / (1.0 - p))
    return EACH, out


def forest_features(
    recipe: Recipe, train: pl.DataFrame, test: pl.DataFrame
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return rows as the forest of the anomaly task sees them, float32 [N, F]: numbers, what is missing, categories."""
    train, test = train.select(recipe.task.inputs), test.select(recipe.task.inputs)
    encoder = TableInput.fit(Input(), train)
    found = [encoder.encode(frame) for frame in (train, test)]
    parts = [np.concatenate((rows.numbers, rows.missing, rows.categories), axis=1).astype(np.float32) for rows in found]
    return parts[0], parts[1]


def table_baseline_row(
    train: pl.DataFrame,
    train_y: ArrayLike,
    test: pl.DataFrame,
    test_y: ArrayLike,
    classes: Sequence[str],
    positive: int | None = None,
    *,
    steady: bool = False,
) -> dict[str, Any]:
    """Return the baseline's line of the report: name, accuracy, macro_f1, roc_auc, n_train, seconds.

    ``steady`` regularises more.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed.
    """
    start = time.perf_counter()
    encoder = TableInput.fit(Input(), train)
    seen, asked = features(encoder, train), features(encoder, test)
    p = boosted(seen, train_y, asked, len(classes), "the table baseline", steady=steady)
    seconds = time.perf_counter() - start
    return line(NAME, test_y, p, classes, positive, learned=train.height, seconds=seconds)
