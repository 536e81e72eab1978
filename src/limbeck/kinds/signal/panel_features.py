"""Features of windows for relevance and voices: some samples and the rhythm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.signal.encode import SignalInput
from limbeck.recipe import Recipe

Floats = NDArray[np.float64]


def features_of(
    recipe: Recipe, target: pl.DataFrame, others: Sequence[pl.DataFrame | None]
) -> tuple[Floats, list[Floats | None]]:
    """Return features float64 [N, F] of the target's rows and of each sample."""
    return _sparse(recipe, target), [None if other is None else _sparse(recipe, other) for other in others]


def _sparse(recipe: Recipe, frame: pl.DataFrame) -> Floats:
    """Return every eighth sample of each window, and its rhythm."""
    rows = SignalInput(recipe.input).encode(frame)
    return np.concatenate([rows.beats[:, :, ::8].reshape(len(rows), -1), rows.rhythm], axis=1).astype(np.float64)
