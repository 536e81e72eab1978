"""The honest baseline of anomalies in tables: scikit-learn's isolation forest (Liu et al. 2008), on normal rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from limbeck.errors import missing_extra
from limbeck.evaluation.baseline_line import line
from limbeck.inputs.table import TableInput
from limbeck.recipe import Input

NAME = "isolation forest"
TREES = 200


def forest_row(
    train: pl.DataFrame, test: pl.DataFrame, test_y: ArrayLike, classes: Sequence[str], false_alarms: float
) -> dict[str, Any]:
    """Return the baseline's line of the report: name, accuracy, macro_f1, roc_auc, n_train, seconds.

    ``train`` holds normal rows only; of them a share of ``false_alarms`` lies above the line.

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
    encoder = TableInput.fit(Input(), train)
    forest = IsolationForest(n_estimators=TREES, contamination=min(false_alarms, 0.5), random_state=0)
    forest.fit(_features(encoder, train))
    # The score is positive for normal rows and zero at the line; a logistic curve keeps the order.
    p = 1.0 / (1.0 + np.exp(20.0 * forest.decision_function(_features(encoder, test))))
    seconds = time.perf_counter() - start
    answers = np.stack((1.0 - p, p), axis=1)
    return line(NAME, test_y, answers, classes, 1, learned=train.height, seconds=seconds)


def _features(encoder: TableInput, frame: pl.DataFrame) -> np.ndarray:
    rows = encoder.encode(frame)
    return np.concatenate((rows.numbers, rows.missing, rows.categories), axis=1).astype(np.float32)
