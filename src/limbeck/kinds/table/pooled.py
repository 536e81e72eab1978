"""Classifiers of several scenarios' rows of a table together: ensembles of trees on values, and on ranks.

A count means another thing in every scenario: a thousand followers are many here and few there. So one classifier
sees the values, and one each value's rank within its scenario, which a new scenario has as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.events import check
from limbeck.kinds.table.baseline import features
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.trees import fit_trees
from limbeck.metrics.fitted.logistic_fit import even_weights
from limbeck.recipe import Input

Floats = NDArray[np.float64]

NAMES = ("pooled", "pooled-ranks")
_FEWEST = 2  # different values below which a column says nothing


class Pool:
    """Ensembles of trees of K scenarios' rows; see `limbeck.kinds.text.pooled.Pool`."""

    def __init__(
        self, frames: Sequence[pl.DataFrame], labels: Sequence[NDArray[np.int64]], classes: int, seed: int = 0
    ) -> None:
        self.classes, self.seed = classes, seed
        self.encoder = TableInput.fit(Input(), pl.concat(frames, how="diagonal_relaxed"))
        self._labels = [np.asarray(one, dtype=np.int64) for one in labels]
        self._fitted: dict[tuple[str, tuple[int, ...], tuple[int, ...]], list[Any]] = {}
        self._rows = [features(self.encoder, self._whole(frame)) for frame in frames]

    def predict(self, frame: pl.DataFrame, name: str, target: pl.DataFrame | None = None) -> Floats:
        """Return the answers float64 [N, C] of one classifier of all scenarios to the rows of a frame.

        Ranks are those among the rows of ``target``, the scenario that the rows come from, where there are any.
        """
        rows = features(self.encoder, self._whole(frame))
        among = rows if target is None or not target.height else features(self.encoder, self._whole(target))
        return self._answers(name, range(len(self._rows)), rows, among)

    def left_out(self, name: str, k: int, frame: pl.DataFrame) -> Floats:
        """Return the answers float64 [N, C] of one classifier of all scenarios but number ``k`` to rows of that one."""
        rows = features(self.encoder, self._whole(frame))
        return self._answers(name, [j for j in range(len(self._rows)) if j != k], rows, self._rows[k])

    def _whole(self, frame: pl.DataFrame) -> pl.DataFrame:
        lacking = [column.name for column in self.encoder.columns if column.name not in frame.columns]
        return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in dict.fromkeys(lacking))

    def _answers(
        self, name: str, scenarios: Sequence[int], asked: NDArray[np.float32], among: NDArray[np.float32]
    ) -> Floats:
        """Learn from some scenarios and answer rows; columns without two values on either side are left out.

        ``among`` are the rows of the scenario that the asked ones belong to.
        """
        whole = np.concatenate([self._rows[k] for k in scenarios])
        told = tuple(at for at in range(whole.shape[1]) if _told(whole[:, at]) and _told(among[:, at]))
        out = np.full((len(asked), self.classes), 1 / self.classes)
        if not told:
            return out
        models = self._models(name, tuple(scenarios), told)
        asked = _ranks(asked[:, told], among[:, told]) if name == "pooled-ranks" else asked[:, told]
        out[:] = 0.0
        for model in models:
            out[:, model.classes_] += model.predict_proba(asked) / len(models)
        return out

    def _models(self, name: str, scenarios: tuple[int, ...], told: tuple[int, ...]) -> list[Any]:
        if (name, scenarios, told) not in self._fitted:
            check()
            parts = [self._rows[k][:, told] for k in scenarios]
            learned = np.concatenate([_ranks(part, part) if name == "pooled-ranks" else part for part in parts])
            y = np.concatenate([self._labels[k] for k in scenarios])
            # Scenarios count alike, and in each its classes.
            weights = [even_weights(self._labels[k], self.classes) for k in scenarios]
            weight = np.concatenate([one * (1000 / len(one)) for one in weights])
            self._fitted[name, scenarios, told] = fit_trees(
                learned, y, "a pooled teacher", weights=weight, seed=self.seed
            )
        return self._fitted[name, scenarios, told]


def _told(values: NDArray[np.float32]) -> bool:
    return len(np.unique(values[np.isfinite(values)])) >= _FEWEST


def _ranks(rows: NDArray[np.float32], among: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rank of each value among others of its column, in 0..1, ties at their mean; NaN where missing."""
    out = np.full(rows.shape, np.nan, dtype=np.float32)
    for at in range(rows.shape[1]):
        known = np.isfinite(rows[:, at])
        others = np.sort(among[np.isfinite(among[:, at]), at])
        if len(others):
            below, upto = (np.searchsorted(others, rows[known, at], side) for side in ("left", "right"))
            out[known, at] = (below + upto) / (2 * len(others))
    return out
