"""What pictures are called, and what makes two of them copies: the content of their files, and the box that counts."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from limbeck.kinds.copies import Keys
from limbeck.kinds.image.files import BOX, FILE, HASH
from limbeck.recipe import Clean, Task


def names(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return the path of each picture as it is written, or that which opens where the rows lack the column."""
    written = frame[task.inputs[0] if task.inputs[0] in frame.columns or FILE not in frame.columns else FILE]
    return ["" if value is None else str(value) for value in written.to_list()]


def keys(frame: pl.DataFrame, texts: Sequence[str], clean: Clean) -> Keys:
    """Return the content with its box, and the content alone; the paths of rows that nobody has examined yet."""
    if HASH not in frame.columns:
        return list(texts), list(texts)
    content = [str(value) for value in frame[HASH].to_list()]
    if BOX not in frame.columns:
        return content, content
    return [f"{value} {box}" for value, box in zip(content, frame[BOX].to_list(), strict=True)], content
