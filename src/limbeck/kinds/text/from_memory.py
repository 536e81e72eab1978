"""Texts given from Python: a list of strings, or the column of a frame; a missing text is ""."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.kinds.given.from_memory import frame_or_items
from limbeck.kinds.text.encode import texts_in
from limbeck.recipe import Task


def texts_from(values: object, task: Task) -> list[str]:
    """Return texts that are given from Python.

    Raises
    ------
    LimbeckError
        When one is not a string.
    """
    if type(values) is list and all(type(text) is str for text in values):
        return values
    frame, items = frame_or_items(values, task, "texts")
    return texts_in(frame, task) if frame is not None else _texts(items, task.inputs[0])


def _texts(items: list[Any], name: str) -> list[str]:
    for index, text in enumerate(items):
        if not isinstance(text, str):
            if _missing(text):
                items[index] = ""
                continue
            fix = f"give [row[{name!r}] for row in rows]" if isinstance(text, Mapping) else None
            what = f"expected a text, got {type(text).__name__}"
            raise LimbeckError(what, where=f"value {index}", fix=fix)
    return items


def _missing(value: object) -> bool:
    """Whether it is None, NaN, or what pandas writes where a value is missing."""
    nan = isinstance(value, float) and value != value
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")
