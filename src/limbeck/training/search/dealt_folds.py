"""Rows of ``train`` and ``valid`` dealt into folds, by whole groups; copies that the recipe keeps share a fold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbeck.bundle.training_hashes import copies_in
from limbeck.data.dataset import Dataset
from limbeck.data.split import folds as deal
from limbeck.data.split import split_random
from limbeck.dataset import assign_parts as parts
from limbeck.recipe import Recipe


@dataclass(frozen=True)
class FoldRows:
    """The rows that folds are made of.

    Attributes
    ----------
    used
        Their places, int64 [M]: those of ``train`` and ``valid``.
    groups
        The group of each row of the data, [N]; None where every row stands alone.
    """

    rows: Dataset
    used: np.ndarray
    groups: np.ndarray | None

    @property
    def units(self) -> np.ndarray:
        """The number of the group of each used row, int64 [M], from 0."""
        if self.groups is None:
            return np.arange(len(self.used))
        return np.asarray(np.unique(self.groups[self.used], return_inverse=True)[1], dtype=np.int64)

    def numbers(self, k: int, seed: int) -> np.ndarray:
        """Return the fold of each used row, int64 [M]; raises where there are fewer groups than folds."""
        part = None if self.groups is None else self.groups[self.used]
        return deal(len(self.used), k, labels=self.rows.labels[self.used], groups=part, seed=seed)

    def without(self, held: np.ndarray, seed: int) -> Dataset:
        """Return the rows with ``held`` as test; of the other used rows a tenth is valid."""
        rest = np.setdiff1d(self.used, held)
        split = np.where(self.rows.split == "unlabelled", "unlabelled", "unused").astype("<U10")
        split[rest] = split_random(
            len(rest), valid=0.1, test=0.0, labels=self.rows.labels[rest],
            groups=None if self.groups is None else self.groups[rest], seed=seed,
        )  # fmt: skip
        split[held] = "test"
        return replace(self.rows, split=split)


def fold_rows(recipe: Recipe, rows: Dataset) -> FoldRows:
    """Return the rows that folds are made of, with the groups that the recipe names, or patients for signals."""
    used = np.flatnonzero(np.isin(rows.split, ["train", "valid"]))
    groups = parts.groups(recipe, rows.frame, rows.sources)
    own = copies_in(rows.frame, recipe.task, recipe.input)
    if groups is not None or len(np.unique(own[used])) < len(used):  # copies that the recipe keeps share a fold
        groups = parts.units(groups, own.tolist())
    return FoldRows(rows, used, None if groups is None else np.asarray(groups))
