"""A classifier of one scenario's rows of a table: the mean of three ensembles of trees.

Boosting alone is the best at home and less steady abroad, so a random forest and extremely randomised trees join it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import needing
from limbeck.kinds.table.baseline import features
from limbeck.kinds.table.encode import TableInput
from limbeck.metrics.baseline_row import fit_boosting
from limbeck.recipe import Input


class Model:
    """Ensembles of trees that take a frame; a column the rows lack is missing in all of them."""

    def __init__(self, encoder: TableInput, models: Sequence[Any]) -> None:
        self.encoder, self.models, self.classes_ = encoder, models, models[0].classes_

    def predict_proba(self, frame: pl.DataFrame) -> Any:
        """Return float64 [N, K]."""
        rows = features(self.encoder, frame)
        return np.mean([model.predict_proba(rows) for model in self.models], axis=0)


def fit(frame: pl.DataFrame, labels: NDArray[np.int64]) -> Model:
    """Return what is learned from all columns of a frame."""
    with needing("scikit-learn", "train", "a teacher of scenarios"):
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    encoder = TableInput.fit(Input(), frame)
    rows = features(encoder, frame)
    forest: dict[str, Any] = {"n_estimators": 200, "min_samples_leaf": 3, "random_state": 0}
    models = [
        fit_boosting(rows, labels, "a teacher of scenarios", max_iter=100, learning_rate=0.08),
        RandomForestClassifier(**forest).fit(rows, labels),
        ExtraTreesClassifier(**forest).fit(rows, labels),
    ]
    return Model(encoder, models)
