"""The second view of each row for losses that want one: changed words, pixels, samples or cells.

As with augmentation, what is changed depends on the seed, the epoch and the row alone, so that a resumed run sees the
same views. The first view stays the plain row, and teachers' answers are about that one. How rows of a kind are changed
is in its module ``epoch``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput, Rows, Values
from limbeck.recipe import Recipe


def check_views(recipe: Recipe) -> None:
    """Refuse a recipe whose rows cannot be changed as a loss wants them.

    Raises
    ------
    LimbeckError
        For a kind of rows without views, texts without an operation to change them, tables with one for words, and an
        optimizer that the loss's moving target leads astray.
    """
    kind = kind_of(recipe.task)
    if not kind.has("epoch"):
        what = f"the loss 'consistency' needs changed rows, and rows of the kind {kind.name!r} cannot be changed"
        raise LimbeckError(what, where="recipe", fix="take it out of objective.losses")
    kind.load("epoch").check_views(recipe)
    if recipe.training.optimizer == "lbfgs":
        what = "the loss 'consistency' follows the student's own answers, which moves the optimum that 'lbfgs' seeks"
        raise LimbeckError(what, where="recipe", fix="set training.optimizer = 'adamw'")


def viewed_rows(
    recipe: Recipe, encoder: RowInput, values: Values, labels: np.ndarray, folders: list[Path | None]
) -> tuple[Callable[[int], Rows], np.ndarray]:
    """Return epoch -> plain rows with a view of each, and the labels int64 that belong to them."""
    check_views(recipe)
    rows: tuple[Callable[[int], Rows], np.ndarray] = (
        kind_of(recipe.task).load("epoch").viewed_rows(recipe.training, encoder, values, labels, folders)
    )
    return rows
