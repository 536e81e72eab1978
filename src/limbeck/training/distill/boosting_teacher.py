"""Gradient-boosted trees as a teacher of tables and signals: what the report's baseline is, asked for probabilities.

Trees are often the better judges of rhythm and of single numbers, networks of shape; a student that hears both may have
both. Trees also know by heart what they learned, so as a teacher they answer about rows that they have not seen; see
`limbeck.training.distill.trained_teacher`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.select import Rows, encode, values_of
from limbeck.kinds.signal import baseline as baseline_signal
from limbeck.kinds.signal.encode import Signals
from limbeck.kinds.table import baseline as baseline_table
from limbeck.kinds.table.dense import Dense
from limbeck.metrics import baseline_row as baseline_line
from limbeck.recipe import Recipe

NAME = "boosting"
READS = ("table", "signal")  # kinds of rows


class Boosting:
    """Trees that stand where a trained student stands: an encoder, and probabilities of what it encodes."""

    def __init__(self, recipe: Recipe, data: Dataset) -> None:
        train = data.part("train")
        values = values_of(data.frame[train], recipe.task)
        self.classes = len(data.classes)
        self.encoder: Any = kind_of(recipe.task).encoder.fit(recipe.input, values)
        learned = _flat(encode(self.encoder, values))
        self.model = baseline_line.fit_boosting(learned, data.labels[train], "a teacher of boosted trees")

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return float32 [N, C] of encoded rows."""
        return baseline_line.spread_out(self.model, _flat(rows), self.classes).astype(np.float32)


def _flat(rows: Rows) -> NDArray[np.float32]:
    if isinstance(rows, Signals):
        return baseline_signal.flat(rows)
    if isinstance(rows, Dense):
        return baseline_table.flat(rows)
    raise LimbeckError("boosted trees read tables and signals", where="teachers", mend="name a network")
