"""Limits that are given beside rows without a recipe: they become keys of the recipe."""

from __future__ import annotations

from dataclasses import dataclass

from limbeck.dataset.automatic.understood import Understood
from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.recipe.amounts import bytes_of, seconds_of


@dataclass(frozen=True)
class Limits:
    """What is asked of a training of rows without a recipe.

    Attributes
    ----------
    budget
        Seconds, or ``"90s"``, ``"5m"``, ``"1h"``, that the comparison of candidates may take.
    size
        Bytes, or ``"500KB"``, ``"5MB"``, that the bundle may have.
    rows_per_second
        Rows that the bundle has to answer in a second of one core.
    """

    budget: str | float | None = None
    size: str | float | None = None
    rows_per_second: float | None = None


def limit(found: Understood, limits: Limits) -> None:
    """Write the limits that are given into the recipe of rows.

    Raises
    ------
    LimbeckError
        For an amount that is not understood.
    """
    seconds = None if limits.budget is None else seconds_of(limits.budget)
    if seconds is not None and found.tables.get("selection"):  # else there is nothing to compare
        found.decide("selection.budget", seconds, message("automatic.key.selection.budget"), told=False)
    if limits.size is not None:
        size = round(bytes_of(limits.size))
        found.decide("export.max_size", size, message("automatic.key.export.max_size"), told=False)
    if limits.rows_per_second is not None:
        if not limits.rows_per_second > 0:
            what = f"{limits.rows_per_second!r} is not a speed"
            raise LimbeckError(what, where="--rows-per-second", fix="give a number above 0")
        why = message("automatic.key.export.min_rows_per_second")
        found.decide("export.min_rows_per_second", limits.rows_per_second, why, told=False)
