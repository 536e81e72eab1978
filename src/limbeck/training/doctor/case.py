"""What all checks look at: the recipe, its folders, and its rows as far as they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.objectives import viewed
from limbeck.recipe import Recipe
from limbeck.training.pretrain.masked_words import is_pretraining


@dataclass(frozen=True)
class Case:
    """One recipe under examination; ``rows`` is None where they cannot be read."""

    recipe: Recipe
    folder: Path | None
    home: Path | None
    rows: Dataset | None = None

    @property
    def folders(self) -> list[Path | None]:
        """Where relative paths of the recipe are looked for."""
        return [self.folder, self.home]

    @property
    def classes(self) -> tuple[str, ...]:
        """Our classes, from the rows or from the recipe alone; empty where neither tells."""
        if self.rows is not None:
            return self.rows.classes
        return tuple(dict.fromkeys((self.recipe.task.class_map or {}).values()))

    @property
    def cold(self) -> bool:
        """Whether no training row has a label."""
        return self.rows is not None and not len(self.rows.part("train"))

    @property
    def asked(self) -> NDArray[np.int64]:
        """The rows that teachers are asked about: all but those of test."""
        return self._rows("train", "valid", "unlabelled")

    @property
    def learned(self) -> NDArray[np.int64]:
        """The rows that the student is trained on."""
        more = bool(self.recipe.teachers) or is_pretraining(self.recipe) or viewed(self.recipe.objective.losses)
        return self._rows("train", *(["unlabelled"] if more else []))

    def _rows(self, *parts: str) -> NDArray[np.int64]:
        return np.flatnonzero(np.isin(self.rows.split, parts)) if self.rows is not None else np.empty(0, np.int64)


def some(rows: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return at most ``count`` of the rows, drawn at random, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])
