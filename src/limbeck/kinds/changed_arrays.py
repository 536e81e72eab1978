"""Rows of each epoch, of kinds whose encoded arrays are changed by the module ``augment`` of their folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.select import RowInput, Rows, Values, encode
from limbeck.kinds.text.augment import check_augmentation
from limbeck.recipe import Recipe, Training


@dataclass(frozen=True)
class ChangedArrays:
    """The functions of a module ``epoch``.

    Attributes
    ----------
    augment
        Its module, with ``active``, ``changed`` and ``viewed``.
    section
        The section of ``[training]`` that says what is changed.
    what, example
        What rows are called in an error line, and a key that changes some.
    """

    augment: ModuleType
    section: str
    what: str
    example: str

    def settings(self, training: Training) -> Any:
        """Return the section."""
        return getattr(training, self.section)

    def active(self, training: Training) -> bool:
        """Return whether the recipe changes rows at all."""
        return bool(self.augment.active(self.settings(training)))

    def check_views(self, recipe: Recipe) -> None:
        """Refuse a recipe that changes no rows; see `limbeck.training.fit.views.check_views`."""
        check_augmentation(recipe)
        if not self.active(recipe.training):
            what = f"the loss 'consistency' needs changed {self.what}, and [training.{self.section}] changes nothing"
            raise LimbeckError(what, where="recipe", fix=f"set one of its keys, e.g. training.{self.example}")

    def changed_rows(
        self, training: Training, encoder: RowInput, values: Values, labels: np.ndarray,
        folders: list[Path | None],
    ) -> tuple[Callable[[int], Rows], np.ndarray]:  # fmt: skip
        """Return epoch -> encoded rows, and the labels that belong to them."""
        plain = encode(encoder, values)
        if not self.active(training):
            return (lambda epoch: plain), labels
        return partial(self.augment.changed, plain, self.settings(training), training.seed), labels

    def viewed_rows(
        self, training: Training, encoder: RowInput, values: Values, labels: np.ndarray,
        folders: list[Path | None],
    ) -> tuple[Callable[[int], Rows], np.ndarray]:  # fmt: skip
        """Return epoch -> plain rows with a view of each, and their labels."""
        plain = encode(encoder, values)
        return partial(self.augment.viewed, plain, self.settings(training), training.seed), labels
