"""The second view of each row for losses that want one: changed words, pixels, or cells.

As with augmentation, what is changed depends on the seed, the epoch and the row alone, so that a resumed run sees the
same views. The first view stays the plain row, and teachers' answers are about that one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.image import augment as pictures
from limbeck.kinds.image.encode import Pictures
from limbeck.kinds.select import RowInput, Rows, Values, encode
from limbeck.kinds.signal import augment as signals
from limbeck.kinds.signal.encode import Signals
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.text.augment import Augmenter, active, back_translate, check_augmentation
from limbeck.kinds.text.ragged import Ragged
from limbeck.progress import say
from limbeck.recipe import Recipe

NOISE = 0.1  # deviation of what is added to a scaled number: a tenth of the column's own
MISSING = 0.1  # share of cells left out


def check_views(recipe: Recipe) -> None:
    """Refuse a recipe whose rows cannot be changed as a loss wants them.

    Raises
    ------
    LimbeckError
        For texts without an operation to change them, tables with one for words, and an optimizer that the loss's
        moving target leads astray.
    """
    changes = active(recipe.training.augment)
    if recipe.task.rows == "text" and not changes:
        what = "the loss 'consistency' needs changed texts, and [training.augment] changes nothing"
        raise LimbeckError(what, where="recipe", mend="set one of its rates, e.g. training.augment.delete = 0.1")
    if recipe.task.rows == "table" and changes:
        mend = "leave [training.augment] out: the cells of a table are changed without it"
        raise LimbeckError("only texts can be augmented by words", where="recipe", mend=mend)
    check_augmentation(recipe)
    if recipe.task.rows == "image" and not pictures.active(recipe.training.pictures):
        what = "the loss 'consistency' needs changed pictures, and [training.pictures] changes nothing"
        raise LimbeckError(what, where="recipe", mend="set one of its keys, e.g. training.pictures.rotate = 10")
    if recipe.task.rows == "signal" and not signals.active(recipe.training.signals):
        what = "the loss 'consistency' needs changed windows, and [training.signals] changes nothing"
        raise LimbeckError(what, where="recipe", mend="set one of its keys, e.g. training.signals.noise = 0.1")
    if recipe.training.optimizer == "lbfgs":
        what = "the loss 'consistency' follows the student's own answers, which moves the optimum that 'lbfgs' seeks"
        raise LimbeckError(what, where="recipe", mend="set training.optimizer = 'adamw'")


def viewed_rows(
    recipe: Recipe, encoder: RowInput, values: Values, labels: np.ndarray, folders: list[Path | None]
) -> tuple[Callable[[int], Rows], np.ndarray]:
    """Return epoch -> plain rows with a view of each, and the labels int64 that belong to them.

    With ``training.augment.copies`` each row comes several times, each time with a view of its own. A text that was
    translated there and back is changed from there.
    """
    check_views(recipe)
    settings, seed = recipe.training.augment, recipe.training.seed
    plain = encode(encoder, values)
    if isinstance(plain, Dense):
        return partial(disturbed, plain, seed), labels
    if isinstance(plain, Pictures):
        return partial(pictures.viewed, plain, recipe.training.pictures, seed), labels
    if isinstance(plain, Signals):
        return partial(signals.viewed, plain, recipe.training.signals, seed), labels
    texts = [str(value) for value in values]
    if settings.back_translation:
        say(f"back-translating {len(texts):,} texts")
        texts = back_translate(texts, settings.back_translation, folders)
    augment = Augmenter(settings, folders, seed)
    copies = settings.copies
    repeated = plain.take(np.tile(np.arange(len(plain)), copies)) if copies > 1 else plain

    def rows(epoch: int) -> Rows:
        changed = encode(encoder, [text for copy in range(copies) for text in augment(texts, epoch * copies + copy)])
        assert isinstance(changed, Ragged)
        return replace(repeated, view=replace(changed, wide=None))

    return rows, np.concatenate([labels] * copies)


def disturbed(plain: Dense, seed: int, epoch: int) -> Dense:
    """Return rows of a table with a view: noise on known numbers, and some cells, categories too, left out."""
    random = np.random.default_rng((seed, epoch))
    noise = random.normal(0.0, NOISE, plain.numbers.shape).astype(np.float32)
    missing = np.where(random.random(plain.numbers.shape) < MISSING, np.float32(1.0), plain.missing)
    numbers = np.where(missing > 0, np.float32(0.0), plain.numbers + noise)
    categories = np.where(random.random(plain.categories.shape) < MISSING, 0, plain.categories)
    return replace(plain, view=Dense(numbers, missing, categories))
