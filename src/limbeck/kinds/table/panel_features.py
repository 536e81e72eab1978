"""Features of rows of a table for relevance and voices: scaled numbers, what is missing, and categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.table.encode import TableInput
from limbeck.recipe import Recipe

Floats = NDArray[np.float64]


def features_of(
    recipe: Recipe, target: pl.DataFrame, others: Sequence[pl.DataFrame | None]
) -> tuple[Floats, list[Floats | None]]:
    """Return features float64 [N, F] of the target's rows and of each sample; columns are fitted on the target."""
    reader = TableInput.fit(recipe.input, target.select(n for n in recipe.task.inputs if n in target.columns))
    return _features(reader, target), [None if other is None else _features(reader, other) for other in others]


def _features(reader: TableInput, frame: pl.DataFrame) -> Floats:
    rows = reader.encode(frame)
    buckets = np.arange(1, reader.settings.categories + 1)
    hot = [(rows.categories[:, [at]] == buckets).astype(np.float64) for at in range(rows.categories.shape[1])]
    return np.concatenate([rows.numbers, rows.missing, *hot], axis=1).astype(np.float64)
