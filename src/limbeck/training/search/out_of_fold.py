"""What a candidate says of rows that it has not seen, within a budget of time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from limbeck.events import check, silent
from limbeck.kinds.select import encode, values_of
from limbeck.networks.blend import NAME as BLEND
from limbeck.recipe import Recipe
from limbeck.training.blend import members_of
from limbeck.training.distill.distill import distil
from limbeck.training.search.blend_weights import blended
from limbeck.training.search.dealt_folds import FoldRows
from limbeck.training.student import train_student

_SHARE, _FIRST = 0.6, 0.3  # of the budget for the comparison; of that share for the first candidate


class Clock:
    """How many folds candidates may run, by what is left of a budget in seconds; 0 is no limit.

    Attributes
    ----------
    folds
        Of each dealing, once the first candidate's first fold has said how long one takes; 0: all.
    wanted
        Seconds of a fold of the last candidate.
    """

    def __init__(self, budget: float) -> None:
        self.allowed, self.began = _SHARE * budget, time.monotonic()
        self.folds, self.wanted = 0, 0.0

    @property
    def over(self) -> bool:
        """Whether the comparison has had its share of the budget."""
        return bool(self.allowed) and time.monotonic() - self.began > self.allowed

    def admits(self, seconds: float, folds: int) -> int:
        """Return how many folds a candidate may run whose first fold took so long, that one among them; 0 for none.

        The first candidate may run one in any case. A slow one runs fewer folds than the others: it is compared on the
        rows that all have answered.
        """
        if not self.allowed:
            return folds
        left = self.allowed - (time.monotonic() - self.began)
        if not self.folds:
            self.folds = int(np.clip(_FIRST * self.allowed / max(seconds, 1e-3), 1, folds))
            return self.folds
        self.wanted = seconds
        return int(np.clip(1 + left / max(seconds, 1e-3), 0, self.folds))


def out_of_fold(
    recipe: Recipe, dealt: FoldRows, numbers: np.ndarray, folders: Sequence[Path | None], clock: Clock | None = None
) -> np.ndarray | None:
    """Return out-of-fold probabilities float32 [M, C] of the used rows, NaN in folds that the ``clock`` does not allow.

    Those of a blend are what its members say, weighted. None where one fold, of any member, takes longer than what is
    left.
    """
    clock = clock or Clock(0.0)
    if recipe.student.network == BLEND:
        members = members_of(recipe)
        found = {}
        for name, _, own in members:
            if (answers := out_of_fold(own, dealt, numbers, folders, clock)) is None:
                return None
            found[name] = answers.astype(np.float64)
        return blended(found, {name: weight for name, weight, _ in members}).astype(np.float32)
    rows, out = dealt.rows, np.full((len(dealt.used), len(dealt.rows.classes)), np.nan, dtype=np.float32)
    folds = allowed = int(numbers.max()) + 1
    for fold in range(folds):
        if fold >= allowed:
            break
        check()
        started = time.monotonic()
        held = numbers == fold
        part = dealt.without(dealt.used[held], recipe.training.seed)
        with silent():  # of each fold there is nothing to tell
            targets = distil(recipe, part, folders=list(folders)).targets if recipe.teachers else None
            student = train_student(recipe, part, folders=list(folders), targets=targets)
            values = values_of(rows.frame[dealt.used[held]], recipe.task)
            out[held] = student.probabilities(encode(student.encoder, values))
        if fold == 0:
            allowed = clock.admits(time.monotonic() - started, folds)
            if not allowed:
                return None
    return out
