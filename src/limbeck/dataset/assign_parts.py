"""Which part each row is in: as files, a column or a published list say, and drawn where nothing does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data import near_duplicates as duplicates
from limbeck.data.dataset import Names
from limbeck.data.labels import text_of
from limbeck.data.split import DRAWN, draw, named_parts
from limbeck.data.tables.rows import Ints, need
from limbeck.dataset.gather import Gathered
from limbeck.errors import LimbeckError
from limbeck.kinds.image.layouts import celeba_spoof as celeba
from limbeck.kinds.signal import patients
from limbeck.kinds.signal.columns import CHAZAL, RECORD
from limbeck.messages.message import Message, message
from limbeck.messages.words import part as part_name
from limbeck.recipe import Recipe, Split

_MANY = 12  # classes from which on they are counted together


def given(gathered: Gathered, split: str | Split) -> Names:
    """Return the part of each row as far as files or a column say it; the rest is "train"."""
    parts: list[Any] = []
    for frame, numbers, source, part in zip(
        gathered.frames, gathered.numbers, gathered.sources, gathered.parts, strict=True
    ):
        if part == "train" and split == CHAZAL and RECORD in frame.columns:
            parts.append(patients.chazal_parts(frame[RECORD].to_list(), source))
        elif part == "train" and isinstance(split, str) and frame.width:
            need(frame.columns, [split], source)
            parts.append(named_parts(frame[split].to_list(), f"{source}, column {split!r}"))
        else:
            parts.append(np.full(len(numbers), part))
    return np.concatenate(parts).astype("<U10")


def groups(recipe: Recipe, frame: pl.DataFrame, sources: list[Path]) -> npt.NDArray[np.object_] | None:
    """Return the group of each row, "" for none, or None where the recipe names no groups and the rows have none."""
    split = recipe.data.split
    name = split.group if isinstance(split, Split) and split.group else recipe.evaluation.group
    if name is None and recipe.data.layout == celeba.NAME and celeba.SUBJECT in frame.columns:
        name = celeba.SUBJECT
    if recipe.task.rows == "signal":
        name = patients.group_column(recipe.data, recipe.evaluation.group)
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
    shares = {"valid": wish.valid, "test": wish.test} if isinstance(wish, Split) else {"valid": DRAWN}
    stratify = not isinstance(wish, Split) or wish.stratify
    shown = labels if stratify else None
    seed = recipe.training.seed
    if recipe.task.rows == "signal" and grouped:
        if not isinstance(wish, Split):
            shares = {"valid": patients.DRAWN}

        def by_seed(turn: int) -> Names:
            return draw(split, **shares, labels=shown, groups=units, seed=turn)

        drawn = patients.fair_draw(by_seed, split, labels, seed)
    else:
        drawn = draw(split, **shares, labels=shown, groups=units, seed=seed)
    for part in ("valid", "test"):
        count = np.count_nonzero((drawn == part) & (split != part))
        if count:
            findings.append(message("data.drawn", count=count, part=part_name(part)))
    return drawn


def untrainable(
    labels: Ints, classes: Sequence[str], split: Names, where: Path, near: Mapping[str, str] | None = None
) -> Iterator[LimbeckError]:
    """Yield every reason why nothing can be learned from these rows, the worst first.

    ``near`` names the classes that are probably another one misspelt.
    """
    if not np.any(split == "train") and np.any(split == "unlabelled"):
        return  # what can be done without labels, the training knows
    if not np.any(split == "train"):
        yield LimbeckError("there is no row to train on", where=where, mend="check data.train and the split column")
        return
    labelled = labels[labels >= 0]
    if len(np.unique(labelled)) < 2:
        what = f"all rows are of the class {classes[labelled[0]]!r}"
        yield LimbeckError(what, where=where, mend="a classifier needs two classes to tell apart")
        return
    learned = labels[(split == "train") | (split == "valid")]
    for k, name in enumerate(classes):
        count = int(np.count_nonzero(learned == k))
        if count < 2 or not np.any(labels[split == "train"] == k):
            known = "no row in train" if count > 1 else f"{count} {'row' if count == 1 else 'rows'} to learn from"
            what = f"the class {name!r} has {known}"
            mend = "label more of them, or leave the class out of task.classes and its rows out by data.where"
            if name in (near or {}):
                other = (near or {})[name]
                mend = f"did you mean {other!r}? list all labels in task.classes, with {name!r} = {other!r}"
            yield LimbeckError(what, where=where, mend=mend)


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
