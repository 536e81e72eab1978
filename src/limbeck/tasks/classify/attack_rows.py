"""From a recipe's or bundle's ``attacks`` and rows to what `limbeck.metrics.presentation_attacks` counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.data.tables.rows import text_column
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.messages.message import Message, message
from limbeck.metrics.calibration import choose_threshold
from limbeck.metrics.presentation_attacks import measure_liveness, threshold_at_apcer
from limbeck.metrics.slices import MISSING
from limbeck.recipe import AttackLevel, Attacks, Evaluation


def bona_fide_index(attacks: Attacks, classes: Sequence[str]) -> int:
    """Return the index of the class of live presentations.

    Raises
    ------
    LimbeckError
        When there are not two classes, or it is none of them.
    """
    if len(classes) != 2:
        what = f"evaluation.attacks wants two classes, bona fide and attack, and here are {len(classes)}"
        raise LimbeckError(what, where="recipe", fix="bring the attacks to one class by task.classes")
    if attacks.bona_fide not in classes:
        what = f"evaluation.attacks.bona_fide {attacks.bona_fide!r} is no class"
        raise LimbeckError(what, where="recipe", fix=did_you_mean(attacks.bona_fide, classes))
    return list(classes).index(attacks.bona_fide)


def species_of(attacks: Attacks, frame: pl.DataFrame) -> list[str] | None:
    """Return the species of each row, an empty cell as "(missing)"; None where the rows have no such column."""
    if attacks.species is None or attacks.species not in frame.columns:
        return None
    cells = text_column(frame[attacks.species]).str.strip_chars()
    return [cell or MISSING for cell in cells.to_list()]


def judge_attacks(
    attacks: Attacks, frame: pl.DataFrame, y: ArrayLike, p: ArrayLike, classes: Sequence[str], **options: Any
) -> tuple[dict[str, Any], list[Message]]:
    """Return the dict of `measure_liveness` on the rows of a frame, and what is to be said of it.

    ``options`` are its ``positive``, ``threshold``, ``bootstrap`` and ``groups``.
    """
    species = species_of(attacks, frame)
    found = measure_liveness(
        y, p, classes, bona_fide=bona_fide_index(attacks, classes), species=species, **options
    )  # fmt: skip
    if species is None and attacks.species is not None:
        fix = did_you_mean(attacks.species, frame.columns)
        return found, [message("evaluation.no_species_column", column=attacks.species, hint=fix)]
    return found, []


def settled_threshold(
    wish: Evaluation, frame: pl.DataFrame, y: NDArray[np.int64], p: ArrayLike, classes: Sequence[str], positive: int
) -> float:
    """Return the threshold that a recipe's rule gives on the rows of ``valid``: y int64[N], p float[N, C]."""
    if not isinstance(wish.threshold, AttackLevel):
        return choose_threshold(y, p, wish.threshold, positive)
    assert wish.attacks is not None  # the recipe sees to it
    live, species = bona_fide_index(wish.attacks, classes), species_of(wish.attacks, frame)
    return threshold_at_apcer(y, p, wish.threshold.apcer, bona_fide=live, positive=positive, species=species)
