"""A classifier of one scenario's rows of a table: the mean of three ensembles of trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.table.baseline import features
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.trees import fit_trees
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
    encoder = TableInput.fit(Input(), frame)
    return Model(encoder, fit_trees(features(encoder, frame), labels, "a teacher of scenarios"))
