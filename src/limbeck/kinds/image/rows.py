"""What images are called, what makes two of them copies or a group, what teachers are asked, and how large they are."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from limbeck.kinds.defaults import Keys, Need, named_group
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.reading.files import BOX, FILE, HASH, pictures_of
from limbeck.kinds.image.reading.layouts import celeba_spoof as celeba
from limbeck.recipe import Clean, Recipe, Task


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


def group(recipe: Recipe, columns: Collection[str]) -> str | None:
    """Return the column whose rows stay together."""
    name = named_group(recipe, columns)
    if name is None and recipe.data.layout == celeba.NAME and celeba.SUBJECT in columns:
        return celeba.SUBJECT
    return name


def pictures_asked(rows: pl.DataFrame, task: Task, columns: Sequence[str], need: Need, *, named: bool) -> list[Picture]:
    """Return the picture of each row; see `limbeck.kinds.defaults.those_there`."""
    need(columns[:1])
    return pictures_of(rows, task.model_copy(update={"input": columns[0]}))


def sizes(pictures: Sequence[Picture]) -> tuple[str, list[float]]:
    """Return the unit, and the size of each of N pictures; NaN of one that is not in a file."""
    return "bytes", [_bytes(picture.source) for picture in pictures]


def _bytes(source: object) -> float:
    try:
        return float(Path(source).stat().st_size) if isinstance(source, str | Path) else math.nan
    except (OSError, ValueError):
        return math.nan
