"""Texts of each epoch: changed as the recipe says, as the rows themselves or as a second view beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.select import encode
from limbeck.kinds.text.augment import Augmenter, active, back_translate, check_augmentation
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.progress import say
from limbeck.recipe import Recipe, Training


def check_views(recipe: Recipe) -> None:
    """Refuse a recipe that has no operation to change its texts; see `limbeck.training.fit.views.check_views`."""
    if not active(recipe.training.augment):
        what = "the loss 'consistency' needs changed texts, and [training.augment] changes nothing"
        raise LimbeckError(what, where="recipe", fix="set one of its rates, e.g. training.augment.delete = 0.1")
    check_augmentation(recipe)


def changed_rows(
    training: Training, encoder: TextInput, values: Sequence[str], labels: np.ndarray, folders: list[Path | None]
) -> tuple[Callable[[int], Ragged], np.ndarray]:
    """Return epoch -> encoded rows, and the labels that belong to them; translations stand beside their texts."""
    settings = training.augment
    if not active(settings):
        encoded = _encoded(encoder, values)
        return (lambda epoch: encoded), labels
    texts = [str(value) for value in values]
    if settings.back_translation:
        say(f"back-translating {len(texts):,} texts")
        translated = back_translate(texts, settings.back_translation, folders)
        texts, labels = [*texts, *translated], np.concatenate([labels, labels])
    augment = Augmenter(settings, folders, training.seed)
    copies = settings.copies

    def rows(epoch: int) -> Ragged:
        return _encoded(encoder, [text for copy in range(copies) for text in augment(texts, epoch * copies + copy)])

    return rows, np.concatenate([labels] * copies)


def viewed_rows(
    training: Training, encoder: TextInput, values: Sequence[str], labels: np.ndarray, folders: list[Path | None]
) -> tuple[Callable[[int], Ragged], np.ndarray]:
    """Return epoch -> plain rows with a view of each, and their labels.

    With ``training.augment.copies`` each row comes several times, each time with a view of its own. A text that was
    translated there and back is changed from there.
    """
    settings = training.augment
    plain = _encoded(encoder, values)
    texts = [str(value) for value in values]
    if settings.back_translation:
        say(f"back-translating {len(texts):,} texts")
        texts = back_translate(texts, settings.back_translation, folders)
    augment = Augmenter(settings, folders, training.seed)
    copies = settings.copies
    repeated = plain.take(np.tile(np.arange(len(plain)), copies)) if copies > 1 else plain

    def rows(epoch: int) -> Ragged:
        changed = _encoded(encoder, [text for copy in range(copies) for text in augment(texts, epoch * copies + copy)])
        return replace(repeated, view=replace(changed, wide=None))

    return rows, np.concatenate([labels] * copies)


def _encoded(encoder: TextInput, texts: Sequence[str]) -> Ragged:
    rows = encode(encoder, texts)
    assert isinstance(rows, Ragged)
    return rows
