"""Re-captured copies of training pictures as rows of another class: what a presentation attack looks like.

A live face on a screen is no live face any more. So where the recipe says what re-captured pictures are
(``training.pictures.recapture_as``), a share of the rows of all other classes comes a second time in every epoch, shown
and taken again, with that label. Which rows these are, and so all labels, are the same in every epoch; how they are
shown is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds.image.augment import recapture
from limbeck.kinds.image.encode import Pictures
from limbeck.kinds.select import Rows
from limbeck.recipe import Recipe

Ints = NDArray[np.int64]


def with_added(
    rows: Callable[[int], Rows], labels: Ints, recipe: Recipe, classes: tuple[str, ...], *, alone: bool
) -> tuple[Callable[[int], Rows], Ints]:
    """Return epoch -> rows and the labels, int64 [N + M], with M re-captured copies behind the N rows.

    Parameters
    ----------
    rows
        Epoch -> the N rows of that epoch, changed already.
    alone
        Whether the labels are all that is learned from; answers of teachers and second views are for other pictures.

    Raises
    ------
    LimbeckError
        For a class that is none, or where something else is learned from too.
    """
    settings = recipe.training.pictures
    name = settings.recapture_as
    if name is None:
        return rows, labels
    check_added(recipe, classes)
    if not alone:
        fix = "train the teacher with it, or leave recapture_as out"
        raise LimbeckError("recapture_as works without teachers and second views only", where="recipe", fix=fix)
    others = np.flatnonzero((labels >= 0) & (labels != classes.index(name)))
    count = round(settings.recapture * len(others))
    chosen = np.sort(np.random.default_rng((recipe.training.seed, len(labels))).permutation(others)[:count])
    more = np.full(count, classes.index(name), dtype=np.int64)
    return partial(_joined, rows, chosen, recipe.training.seed), np.concatenate([labels, more])


def check_added(recipe: Recipe, classes: tuple[str, ...]) -> None:
    """Raise where re-captured pictures are to be of a class that is none."""
    name = recipe.training.pictures.recapture_as
    if name is not None and name not in classes:
        what = f"training.pictures.recapture_as {name!r} is no class"
        raise LimbeckError(what, where="recipe", fix=did_you_mean(name, classes))


def _joined(rows: Callable[[int], Rows], chosen: Ints, seed: int, epoch: int) -> Pictures:
    plain = rows(epoch)
    assert isinstance(plain, Pictures)
    copies = recapture(plain.pixels[chosen], [(seed, epoch, row) for row in chosen.tolist()])
    return replace(plain, pixels=np.concatenate([plain.pixels, copies]))
