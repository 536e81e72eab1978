"""The honest baseline of anomalies in tables and signals: an isolation forest (Liu et al. 2008) on normal rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.data.dataset import Dataset
from limbeck.errors import needing
from limbeck.kinds import kind_of
from limbeck.metrics.baselines.baseline_row import line
from limbeck.recipe import Recipe

NAME = "isolation forest"
TREES = 200
Floats = NDArray[np.float32]


def forest_row(
    train: Floats, test: Floats, test_y: ArrayLike, classes: Sequence[str], false_alarms: float
) -> dict[str, Any]:
    """Return the baseline's line of the report: name, accuracy, macro_f1, roc_auc, n_train, seconds.

    ``train`` float32 [N, F] holds normal rows only; of them a share of ``false_alarms`` lies above the line.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed.
    """
    with needing("scikit-learn", "train", "the baseline of anomalies"):
        from sklearn.ensemble import IsolationForest
    start = time.perf_counter()
    forest = IsolationForest(n_estimators=TREES, contamination=min(false_alarms, 0.5), random_state=0).fit(train)
    # The score is positive for normal rows and zero at the line; a logistic curve keeps the order.
    p = 1.0 / (1.0 + np.exp(20.0 * forest.decision_function(test)))
    seconds = time.perf_counter() - start
    answers = np.stack((1.0 - p, p), axis=1)
    return line(NAME, test_y, answers, classes, 1, learned=len(train), seconds=seconds)


def kind_line(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], evaluated: Dataset, asked: NDArray[np.int64],
    positive: int | None, majority: Mapping[str, Any],  # noqa: ARG001
) -> dict[str, Any]:  # fmt: skip
    """Return the line of the forest on the features of the recipe's kind; see `evaluation.baselines.baseline_rows`.

    It is unsupervised: its line is drawn by false alarms, and there is nothing to regularise.
    """
    features = kind_of(recipe.task).load("baseline").forest_features
    known, strange = features(recipe, train.frame[learned], evaluated.frame[asked])
    return forest_row(known, strange, evaluated.labels[asked], train.classes, recipe.anomaly.false_alarms)
