"""Amounts that people write with a unit: a time, a size."""

from __future__ import annotations

import re

from limbeck.errors import LimbeckError

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "k": 1e3, "m": 1e6, "g": 1e9}
_GIVEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def seconds_of(text: str | float, where: str = "--budget") -> float:
    """Return the seconds of ``"90s"``, ``"5m"``, ``"1h"`` or a number of seconds.

    Raises
    ------
    LimbeckError
        For anything else, and for no time at all.
    """
    return _amount(text, _SECONDS, where, "give a time such as 90s, 5m or 1h")


def bytes_of(text: str | float, where: str = "--size") -> float:
    """Return the bytes of ``"500KB"`` or ``"5MB"``; see `seconds_of` for the errors."""
    return _amount(text, _BYTES, where, "give a size such as 500KB or 5MB")


def _amount(text: str | float, units: dict[str, float], where: str, fix: str) -> float:
    given = _GIVEN.fullmatch(str(text))
    if given is None or given[2].lower() not in units or float(given[1]) <= 0:
        raise LimbeckError(f"{text!r} is not understood", where=where, fix=fix)
    return float(given[1]) * units[given[2].lower()]


def size_text(count: float) -> str:
    """Return a number of bytes in three digits: ``"4.93 MB"``; a megabyte is 10^6 bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= factor:
            return f"{count / factor:.{2 if count < 10 * factor else 1}f} {unit}"
    return f"{count:.0f} B"
