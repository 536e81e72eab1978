"""Which part each row is in: as files, a column or a published list say, and drawn where nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data import near_duplicates as duplicates
from limbeck.data.dataset import Names
from limbeck.data.labels import text_of
from limbeck.data.split import draw, named_parts
from limbeck.data.tables.rows import Ints, need
from limbeck.dataset.gather import Gathered
from limbeck.kinds import kind_of
from limbeck.kinds.kind import Kind
from limbeck.messages.message import Message, message
from limbeck.messages.words import part as part_name
from limbeck.recipe import Recipe, Split

_MANY = 12  # classes from which on they are counted together


def given(gathered: Gathered, split: str | Split, kind: Kind) -> Names:
    """Return the part of each row as far as files or a column say it; the rest is "train"."""
    parts: list[Any] = []
    for frame, numbers, source, part in zip(
        gathered.frames, gathered.numbers, gathered.sources, gathered.parts, strict=True
    ):
        published = kind.parts.published(frame, split, source) if part == "train" else None
        if published is not None:
            parts.append(published)
        elif part == "train" and isinstance(split, str) and frame.width:
            need(frame.columns, [split], source)
            parts.append(named_parts(frame[split].to_list(), f"{source}, column {split!r}"))
        else:
            parts.append(np.full(len(numbers), part))
    return np.concatenate(parts).astype("<U10")


def groups(recipe: Recipe, frame: pl.DataFrame, sources: list[Path]) -> npt.NDArray[np.object_] | None:
    """Return the group of each row, "" for none, or None where the recipe names no groups and the rows have none."""
    name = kind_of(recipe.task).parts.group(recipe, frame.columns)
    if name is None:
        return None
    need(frame.columns, [name], sources[0])
    return np.array([value or "" for value in text_of(frame[name])], dtype=object)


def units(groups: npt.NDArray[np.object_] | None, own: Sequence[object]) -> npt.NDArray[np.object_]:
    """Return what rows that may not come apart have in common, object (n,): the group, or else ``own``."""
    named = [""] * len(own) if groups is None else groups.tolist()
    return np.array([group or f"\0{key}" for group, key in zip(named, own, strict=True)], dtype=object)


def together(near: Ints, groups: npt.NDArray[np.object_] | None) -> Ints:
    """Return one number for rows that may not come apart, int64 (n,): near copies and groups."""
    if groups is None:
        return near
    return duplicates.join(near, duplicates.exact(units(groups, range(len(groups))).tolist()))


def drawn(
    recipe: Recipe, labels: Ints, split: Names, units: Ints, findings: list[Message], *, grouped: bool
) -> Names:  # fmt: skip
    """Draw the parts that the data does not name; rows of one number in ``units`` stay together."""
    wish = recipe.data.split
    stratify = not isinstance(wish, Split) or wish.stratify
    shown = labels if stratify else None

    def by_seed(seed: int, share: float) -> Names:
        shares = {"valid": wish.valid, "test": wish.test} if isinstance(wish, Split) else {"valid": share}
        return draw(split, **shares, labels=shown, groups=units, seed=seed)

    drawn = kind_of(recipe.task).parts.drawn(by_seed, split, labels, recipe.training.seed, grouped=grouped)
    for part in ("valid", "test"):
        count = np.count_nonzero((drawn == part) & (split != part))
        if count:
            findings.append(message("data.drawn", count=count, part=part_name(part)))
    return drawn


def summary(labels: Ints, classes: Sequence[str], split: Names) -> list[Message]:
    """Return a line for each part: how many rows of which class."""
    lines = []
    for part in ("train", "valid", "test"):
        counts = np.bincount(labels[split == part], minlength=len(classes))
        if len(classes) > _MANY:
            there = counts[counts > 0]
            lines.append(_of_many_classes(part, there, len(classes)))
            continue
        shown = [message("data.class_count", name=name, count=n) for name, n in zip(classes, counts, strict=True)]
        lines.append(message("data.part_classes", part=part_name(part), count=counts.sum(), classes=shown))
    unlabelled = np.count_nonzero(split == "unlabelled")
    return [*lines, message("data.unlabelled_rows", count=unlabelled)] if unlabelled else lines


def _of_many_classes(part: str, there: Ints, classes: int) -> Message:
    if not len(there):
        return message("data.part_without_rows", part=part_name(part), classes=classes)
    return message(
        "data.part_many_classes", part=part_name(part), count=there.sum(), present=len(there), classes=classes,
        low=there.min(), high=there.max(),
    )  # fmt: skip
