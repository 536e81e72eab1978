"""Other tables of a recipe are read as its own are: samples of teachers, their scenarios, reviewed labels.

Their layout, renamed columns, encoding, boxes and windows are those of the recipe's ``[data]`` and ``[input]``, so that
one column has one name and one form everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from limbeck.data.derived_columns import with_derived
from limbeck.dataset.gather import Gathered
from limbeck.recipe import Recipe


def read_more(
    recipe: Recipe,
    path: Path,
    *,
    labelled: bool = False,
    keep: Mapping[str, str | list[str]] | None = None,
) -> Gathered:
    """Read one more file or folder of a recipe.

    Parameters
    ----------
    labelled
        Whether the label column must be there.
    keep
        Which rows are kept, as in ``data.where``.

    Raises
    ------
    LimbeckError
        For what cannot be read, a column that is missing, or when no row is kept.
    """
    data, gathered = recipe.data, Gathered(recipe.data.encoding, partly=True)
    part = "train" if labelled else "unlabelled"
    gathered.add(
        path, part, task=recipe.task, labelled=labelled, layout=data.layout, columns=data.columns, keep=keep,
        boxes=recipe.input.box, signal=recipe.input.signal,
    )  # fmt: skip
    # A table of another scenario may lack what a column is derived from.
    gathered.frames = [_derived(frame, recipe, path) for frame in gathered.frames]
    return gathered


def _derived(frame: pl.DataFrame, recipe: Recipe, path: Path) -> pl.DataFrame:
    rules = {
        name: rule
        for name, rule in recipe.data.derive.items()
        if rule.column in frame.columns and name not in frame.columns
    }
    return with_derived(frame, rules, path)
