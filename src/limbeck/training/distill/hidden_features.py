"""The teacher whose hidden features the student learns beside its answer: which one, and of which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.objectives import guided
from limbeck.recipe import Recipe
from limbeck.teachers import Teacher, features, guide_of, standardised
from limbeck.training.distill.targets import Targets


def guide_for(recipe: Recipe, teachers: Sequence[Teacher]) -> Teacher | None:
    """Return the teacher that ``distil-hidden`` learns from, None where no loss asks; see `guide_of` for errors."""
    return guide_of(teachers, recipe.objective.hidden) if guided(recipe.objective.losses) else None


def with_hidden(targets: Targets, guide: Teacher | None, frame: pl.DataFrame, cache: Path | None) -> Targets:
    """Return targets with the guide's features of their rows, standardised over those; as they are without one.

    Raises
    ------
    LimbeckError
        When the guide fails, or its features tell no row from another.
    """
    if guide is None:
        return targets
    found = standardised(features(guide, frame[targets.rows], folder=cache))
    if not np.nan_to_num(found).any():
        what = "its features are missing or the same in every row to learn from"
        raise LimbeckError(what, where=f"teacher {guide.name!r}", fix="check the columns it reads")
    return replace(targets, hidden=found)
