"""Windows of each epoch: changed as the recipe says, as the rows themselves or as a second view beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.errors import LimbeckError
from limbeck.kinds.select import encode
from limbeck.kinds.signal import augment
from limbeck.kinds.signal.encode import SignalInput, Signals
from limbeck.kinds.text.augment import check_augmentation
from limbeck.recipe import Recipe, Training


def check_views(recipe: Recipe) -> None:
    """Refuse a recipe that changes no windows; see `limbeck.training.fit.views.check_views`."""
    check_augmentation(recipe)
    if not augment.active(recipe.training.signals):
        what = "the loss 'consistency' needs changed windows, and [training.signals] changes nothing"
        raise LimbeckError(what, where="recipe", fix="set one of its keys, e.g. training.signals.noise = 0.1")


def changed_rows(
    training: Training,
    encoder: SignalInput,
    values: pl.DataFrame,
    labels: np.ndarray,
    folders: list[Path | None],  # noqa: ARG001
) -> tuple[Callable[[int], Signals], np.ndarray]:
    """Return epoch -> encoded rows, and the labels that belong to them."""
    plain = _encoded(encoder, values)
    if not augment.active(training.signals):
        return (lambda epoch: plain), labels
    return partial(augment.changed, plain, training.signals, training.seed), labels


def viewed_rows(
    training: Training,
    encoder: SignalInput,
    values: pl.DataFrame,
    labels: np.ndarray,
    folders: list[Path | None],  # noqa: ARG001
) -> tuple[Callable[[int], Signals], np.ndarray]:
    """Return epoch -> plain rows with a view of each, and their labels."""
    return partial(augment.viewed, _encoded(encoder, values), training.signals, training.seed), labels


def _encoded(encoder: SignalInput, values: pl.DataFrame) -> Signals:
    rows = encode(encoder, values)
    assert isinstance(rows, Signals)
    return rows
