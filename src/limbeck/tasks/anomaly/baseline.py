"""The honest baseline of anomalies in tables and signals: an isolation forest (Liu et al. 2008) on normal rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import missing_extra
from limbeck.kinds.table.encode import TableInput
from limbeck.metrics.baseline_row import line
from limbeck.recipe import Input

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
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError as error:
        raise missing_extra("scikit-learn", "train", "the baseline of anomalies") from error
    start = time.perf_counter()
    forest = IsolationForest(n_estimators=TREES, contamination=min(false_alarms, 0.5), random_state=0).fit(train)
    # The score is positive for normal rows and zero at the line; a logistic curve keeps the order.
    p = 1.0 / (1.0 + np.exp(20.0 * forest.decision_function(test)))
    seconds = time.perf_counter() - start
    answers = np.stack((1.0 - p, p), axis=1)
    return line(NAME, test_y, answers, classes, 1, learned=len(train), seconds=seconds)


def table_features(train: pl.DataFrame, test: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return rows of a table as the forest sees them, float32 [N, F]: numbers, what is missing, categories."""
    encoder = TableInput.fit(Input(), train)
    found = [encoder.encode(frame) for frame in (train, test)]
    parts = [np.concatenate((rows.numbers, rows.missing, rows.categories), axis=1).astype(np.float32) for rows in found]
    return parts[0], parts[1]
