"""Gradient-boosted trees as a teacher of tables and signals: what the report's baseline is, asked for probabilities.

Trees are often the better at rhythm and of single numbers, networks of shape; a student that hears both may have
both. Trees also know by heart what they learned, so as a teacher they answer about rows that they have not seen; see
`limbeck.training.distill.trained_teacher`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.select import Rows, encode, values_of
from limbeck.metrics.baselines import baseline_row as baseline_line
from limbeck.recipe import Recipe

NAME = "boosting"


class Boosting:
    """Trees that stand where a trained student stands: an encoder, and probabilities of what it encodes."""

    def __init__(self, recipe: Recipe, data: Dataset) -> None:
        kind = kind_of(recipe.task)
        if not kind.offers("baseline", "flat"):
            raise LimbeckError("boosted trees read tables and signals", where="teachers", fix="name a network")
        self._flat: Callable[[Rows], NDArray[np.float32]] = kind.load("baseline").flat
        train = data.part("train")
        values = values_of(data.frame[train], recipe.task)
        self.classes = len(data.classes)
        self.encoder: Any = kind.encoder.fit(recipe.input, values)
        learned = self._flat(encode(self.encoder, values))
        self.model = baseline_line.fit_boosting(learned, data.labels[train], "a teacher of boosted trees")

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return float32 [N, C] of encoded rows."""
        return baseline_line.spread_out(self.model, self._flat(rows), self.classes).astype(np.float32)
