"""Raw labels to class numbers. Labels are compared as text, so that 1, 1.0 and "1" are one label."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from limbeck.data.tables.rows import Ints, need
from limbeck.errors import LimbeckError, did_you_mean, names_one
from limbeck.messages.message import message
from limbeck.recipe import Task

_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_MISSING = frozenset(("", "nan", "null", "none", "na", "n/a", "<na>"))
_MOST = 1000  # more "classes" than that are the texts or the ids

MEMORY = Path("DataFrame")  # what messages call rows that no file holds; their numbers are places from 0


def label_text(value: object) -> str | None:
    """Return a raw label as text: stripped, whole numbers without a fraction, None for a missing one."""
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or text in ("True", "False"):
        return text.lower()
    whole = _WHOLE.fullmatch(text)
    if whole:
        return whole[1]
    return None if text.lower() in _MISSING else text


def text_of(series: pl.Series, named: Collection[str] = ()) -> list[str | None]:
    """Return a column as texts, `label_text` applied to each value; those ``named`` are never missing."""
    known: dict[object, str | None] = {name: name for name in named}
    values = series.to_list()
    if series.dtype.is_nested():
        return [None if value is None else str(value) for value in values]
    return [known[value] if value in known else known.setdefault(value, label_text(value)) for value in values]


def labels_in(series: pl.Series, task: Task) -> list[str | None]:
    """Return a column of labels as texts; "none" or "NA" is a label where the recipe lists it as a class."""
    listed = task.class_map or {}
    marks = (*listed, *listed.values(), task.none)
    return text_of(series, {name for name in marks if name and label_text(name) is None})


def need_inputs(present: Sequence[str], task: Task, where: object) -> None:
    """Raise for a missing input column; of a table's columns, which a scenario may lack, one is enough.

    Raises
    ------
    LimbeckError
        Naming the nearest column there is.
    """
    if not set(task.inputs) & set(present):
        need(present, task.inputs[:1], where)


def need_plain(schema: Mapping[str, pl.DataType], names: Sequence[str], where: object) -> None:
    """Raise for a column of lists or structs where single values are wanted.

    Raises
    ------
    LimbeckError
        Naming the first such column.
    """
    for name in names:
        if name in schema and schema[name].is_nested():
            what = f"the column {name!r} holds lists or structs; expected single values"
            raise LimbeckError(what, where=where, fix="write what is wanted of it into a column of its own")


def classes_of(raw: Sequence[str | None], task: Task, where: object) -> tuple[str, ...]:
    """Return the class names: the recipe's in its order, else the distinct raw labels, sorted.

    Raises
    ------
    LimbeckError
        When a column has so many values that it cannot be the label.
    """
    mapping = task.class_map
    if mapping is not None:
        return tuple(dict.fromkeys(mapping.values()))
    distinct = {label for label in raw if label is not None}
    if len(distinct) > _MOST:
        raise LimbeckError(
            f"the column {task.label!r} has {len(distinct):,} different values, which cannot be classes",
            where=where,
            fix="name the label column in task.label",
        )
    return tuple(sorted(distinct, key=by_number))


def labels_of(frame: pl.DataFrame, task: Task, where: object, numbers: Ints, classes: Sequence[str]) -> Ints:
    """Return the class number of each row, int64 (n,).

    A raw label is looked up in ``task.classes``, then among the class names.

    Raises
    ------
    LimbeckError
        For a missing column; for an empty or unknown label, with the file, the row and the column.
    """
    need(frame.columns, [task.label], where)
    raw = labels_in(frame[task.label], task)
    table: dict[str | None, int] = {name: k for k, name in enumerate(classes)}
    table.update({label_text(name): k for k, name in enumerate(classes) if label_text(name) not in table})
    for key, name in (task.class_map or {}).items():
        if name in classes:
            table[label_text(key) or key] = list(classes).index(name)
    table.pop(None, None)
    labels = [table.get(label, -1) for label in raw]
    if -1 in labels:
        place = labels.index(-1)
        spot = message("place.cell", file=where, row=numbers[place], column=task.label)
        if raw[place] is None:
            raise LimbeckError(message("label.missing"), where=spot, fix=message("fix.label"))
        known = sorted({*(task.class_map or {}), *classes}, key=by_number)
        unknown = sum(label == raw[place] for label in raw)
        label = str(raw[place])[:60]
        what = message("label.unknown_in", label=label, count=unknown)
        if unknown == 1:
            what = message("label.unknown", label=label)
        fix = did_you_mean(str(raw[place]), known)
        if not names_one(fix):
            fix = message("error.fix", what=fix, fix=message("fix.list_label"))
        raise LimbeckError(what, where=spot, fix=fix)
    return np.array(labels, dtype=np.int64)


def by_number(label: str) -> tuple[int, float, str]:
    """Return a key that sorts numbers before words, by their value."""
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)
