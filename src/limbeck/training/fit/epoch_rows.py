"""The rows of each epoch: encoded, changed as the recipe says, with what teachers and branches give beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput, Rows, Values, encode
from limbeck.kinds.text.augment import check_augmentation
from limbeck.recipe import Recipe, Task
from limbeck.training.export.int8 import CALIBRATED


def calibration_rows(task: Task, rows: Rows, seed: int) -> Rows | None:
    """Return some training rows that int8 is calibrated by, or None where the kind of rows needs none."""
    if not kind_of(task).calibrated:
        return None
    return rows.take(np.sort(np.random.default_rng(seed).permutation(len(rows))[:CALIBRATED]))


def epoch_rows(
    recipe: Recipe, encoder: RowInput, values: Values, labels: np.ndarray, folders: list[Path | None]
) -> tuple[Callable[[int], Rows], np.ndarray]:
    """Return epoch -> encoded rows, and the labels that belong to them; augmentation makes epochs differ."""
    check_augmentation(recipe)
    kind = kind_of(recipe.task)
    if not kind.has("epoch"):
        encoded = encode(encoder, values)
        return (lambda epoch: encoded), labels
    rows: tuple[Callable[[int], Rows], np.ndarray] = kind.load("epoch").changed_rows(
        recipe.training, encoder, values, labels, folders
    )
    return rows


def with_target(rows: Callable[[int], Rows], answers: np.ndarray, hidden: np.ndarray | None, epoch: int) -> Rows:
    """Return the rows of an epoch with what teachers gave for them; augmented copies keep that of their row."""
    encoded = rows(epoch)
    copies = len(encoded) // len(answers)
    more = None if hidden is None else hidden if copies == 1 else np.tile(hidden, (copies, 1))
    return replace(encoded, target=np.tile(answers, (copies, 1)), hidden=more)


def with_offset(rows: Callable[[int], Rows], offset: np.ndarray, epoch: int) -> Rows:
    """Return the rows of an epoch with the wide branch's logits for them."""
    return replace(rows(epoch), offset=offset)
