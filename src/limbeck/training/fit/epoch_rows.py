"""The rows of each epoch: encoded, changed as the recipe says, with what teachers and branches give beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from limbeck.kinds.image import augment as pictures
from limbeck.kinds.image.encode import Pictures
from limbeck.kinds.select import RowInput, Rows, Values, encode
from limbeck.kinds.signal import augment as signals
from limbeck.kinds.signal.encode import Signals
from limbeck.kinds.text.augment import Augmenter, active, back_translate, check_augmentation
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.training.export.gate import CALIBRATED


def some_pictures(rows: Rows, seed: int) -> Rows | None:
    """Return some training pictures or windows, or None where rows are neither."""
    if not isinstance(rows, Pictures | Signals):
        return None
    return rows.take(np.sort(np.random.default_rng(seed).permutation(len(rows))[:CALIBRATED]))


def epoch_rows(
    recipe: Recipe, encoder: RowInput, values: Values, labels: np.ndarray, folders: list[Path | None]
) -> tuple[Callable[[int], Rows], np.ndarray]:
    """Return epoch -> encoded rows, and the labels that belong to them; augmentation makes epochs differ."""
    settings = recipe.training.augment
    check_augmentation(recipe)
    if not active(settings):
        encoded = encode(encoder, values)
        if isinstance(encoded, Pictures) and pictures.active(recipe.training.pictures):
            return partial(pictures.changed, encoded, recipe.training.pictures, recipe.training.seed), labels
        if isinstance(encoded, Signals) and signals.active(recipe.training.signals):
            return partial(signals.changed, encoded, recipe.training.signals, recipe.training.seed), labels
        return (lambda epoch: encoded), labels
    texts = [str(value) for value in values]
    if settings.back_translation:
        say(f"back-translating {len(texts):,} texts")
        translated = back_translate(texts, settings.back_translation, folders)
        texts, labels = [*texts, *translated], np.concatenate([labels, labels])
    augment = Augmenter(settings, folders, recipe.training.seed)
    copies = settings.copies

    def rows(epoch: int) -> Rows:
        changed = [text for copy in range(copies) for text in augment(texts, epoch * copies + copy)]
        return encode(encoder, changed)

    return rows, np.concatenate([labels] * copies)


def with_target(rows: Callable[[int], Rows], answers: np.ndarray, hidden: np.ndarray | None, epoch: int) -> Rows:
    """Return the rows of an epoch with what teachers gave for them; augmented copies keep that of their row."""
    encoded = rows(epoch)
    copies = len(encoded) // len(answers)
    more = None if hidden is None else hidden if copies == 1 else np.tile(hidden, (copies, 1))
    return replace(encoded, target=np.tile(answers, (copies, 1)), hidden=more)


def with_offset(rows: Callable[[int], Rows], offset: np.ndarray, epoch: int) -> Rows:
    """Return the rows of an epoch with the wide branch's logits for them."""
    return replace(rows(epoch), offset=offset)
