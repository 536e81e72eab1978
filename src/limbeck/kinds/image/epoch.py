"""Pictures of each epoch: changed as the recipe says, as the rows themselves or as a second view beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.image import augment
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.select import encode
from limbeck.kinds.text.augment import check_augmentation
from limbeck.recipe import Recipe, Training


def check_views(recipe: Recipe) -> None:
    """Refuse a recipe that changes no pictures; see `limbeck.training.fit.views.check_views`."""
    check_augmentation(recipe)
    if not augment.active(recipe.training.pictures):
        what = "the loss 'consistency' needs changed pictures, and [training.pictures] changes nothing"
        raise LimbeckError(what, where="recipe", fix="set one of its keys, e.g. training.pictures.rotate = 10")


def changed_rows(
    training: Training,
    encoder: ImageInput,
    values: Sequence[Picture],
    labels: np.ndarray,
    folders: list[Path | None],  # noqa: ARG001
) -> tuple[Callable[[int], Pictures], np.ndarray]:
    """Return epoch -> encoded rows, and the labels that belong to them."""
    plain = _encoded(encoder, values)
    if not augment.active(training.pictures):
        return (lambda epoch: plain), labels
    return partial(augment.changed, plain, training.pictures, training.seed), labels


def viewed_rows(
    training: Training,
    encoder: ImageInput,
    values: Sequence[Picture],
    labels: np.ndarray,
    folders: list[Path | None],  # noqa: ARG001
) -> tuple[Callable[[int], Pictures], np.ndarray]:
    """Return epoch -> plain rows with a view of each, and their labels."""
    return partial(augment.viewed, _encoded(encoder, values), training.pictures, training.seed), labels


def _encoded(encoder: ImageInput, values: Sequence[Picture]) -> Pictures:
    rows = encode(encoder, values)
    assert isinstance(rows, Pictures)
    return rows
