"""Features of images for relevance and voices: their colours on a coarse grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.reading.files import pictures_of
from limbeck.recipe import Recipe

GRID = 8  # places a side
Floats = NDArray[np.float64]


def features_of(
    recipe: Recipe, target: pl.DataFrame, others: Sequence[pl.DataFrame | None]
) -> tuple[Floats, list[Floats | None]]:
    """Return features float64 [N, 192] of the target's rows and of each sample."""
    return _coarse(recipe, target), [None if other is None else _coarse(recipe, other) for other in others]


def _coarse(recipe: Recipe, frame: pl.DataFrame) -> Floats:
    reader = ImageInput(recipe.input.model_copy(update={"size": GRID}))
    return reader.encode(pictures_of(frame, recipe.task)).pixels.reshape(frame.height, -1) / 255.0
