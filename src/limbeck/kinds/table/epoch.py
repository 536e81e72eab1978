"""Rows of a table in each epoch: always the same, and where a loss wants a second view, with changed cells beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.kinds.select import encode
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.text.augment import active, check_augmentation
from limbeck.recipe import Recipe, Training

NOISE = 0.1  # deviation of what is added to a scaled number: a tenth of the column's own
MISSING = 0.1  # share of cells left out


def check_views(recipe: Recipe) -> None:
    """Refuse a recipe with changes for words; see `limbeck.training.fit.views.check_views`."""
    if active(recipe.training.augment):
        fix = "leave [training.augment] out: the cells of a table are changed without it"
        raise LimbeckError("only texts can be augmented by words", where="recipe", fix=fix)
    check_augmentation(recipe)


def changed_rows(
    training: Training,  # noqa: ARG001
    encoder: TableInput,
    values: pl.DataFrame,
    labels: np.ndarray,
    folders: list[Path | None],  # noqa: ARG001
) -> tuple[Callable[[int], Dense], np.ndarray]:
    """Return epoch -> encoded rows, and the labels that belong to them."""
    plain = _encoded(encoder, values)
    return (lambda epoch: plain), labels


def viewed_rows(
    training: Training,
    encoder: TableInput,
    values: pl.DataFrame,
    labels: np.ndarray,
    folders: list[Path | None],  # noqa: ARG001
) -> tuple[Callable[[int], Dense], np.ndarray]:
    """Return epoch -> plain rows with a view of each, and their labels."""
    return partial(disturbed, _encoded(encoder, values), training.seed), labels


def disturbed(plain: Dense, seed: int, epoch: int) -> Dense:
    """Return rows of a table with a view: noise on known numbers, and some cells, categories too, left out."""
    random = np.random.default_rng((seed, epoch))
    noise = random.normal(0.0, NOISE, plain.numbers.shape).astype(np.float32)
    missing = np.where(random.random(plain.numbers.shape) < MISSING, np.float32(1.0), plain.missing)
    numbers = np.where(missing > 0, np.float32(0.0), plain.numbers + noise)
    categories = np.where(random.random(plain.categories.shape) < MISSING, 0, plain.categories)
    return replace(plain, view=Dense(numbers, missing, categories))


def _encoded(encoder: TableInput, values: pl.DataFrame) -> Dense:
    rows = encode(encoder, values)
    assert isinstance(rows, Dense)
    return rows
