"""From a recipe's data section to rows that may be trained on: read, label, clean of copies, split, check.

The order matters. Parts that the data itself names (files, a split column) are fixed first; then copies are taken
out of the lesser part (test over valid over train over unlabelled), so that nothing that is evaluated was learned;
only then are missing parts drawn, from what is left, copies and groups together. Nothing is changed silently: every
change is a sentence in ``findings``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl

from limbeck.data import near_duplicates as duplicates
from limbeck.data import row_identity as identity
from limbeck.data.dataset import Dataset
from limbeck.data.derived_columns import with_derived
from limbeck.data.labels import MEMORY
from limbeck.data.leakage import leakage
from limbeck.data.misspelled_labels import findings as misspelt_findings
from limbeck.data.misspelled_labels import misspelt
from limbeck.data.split import split_random
from limbeck.data.tables.patterns import is_pattern
from limbeck.data.tables.read import file_of
from limbeck.dataset import assign_parts as parts
from limbeck.dataset import drop_duplicates as copies
from limbeck.dataset.gather import Gathered
from limbeck.dataset.joined_rows import Joined
from limbeck.dataset.missing_labels import without_label
from limbeck.errors import LimbeckError, did_you_mean, names_one
from limbeck.events import check
from limbeck.kinds import kind_of
from limbeck.messages.message import Message, message
from limbeck.recipe import Recipe, Signal, Split, Task
from limbeck.tasks import task_of

__all__ = ["Dataset", "load_rows", "prepare", "texts_of"]


def _raise(refusal: LimbeckError) -> NoReturn:
    raise refusal


def prepare(
    recipe: Recipe,
    folder: Path | None = None,
    *,
    recipe_folder: Path | None = None,
    refuse: Callable[[LimbeckError], None] = _raise,
    memory: pl.DataFrame | None = None,
    several: bool = False,
) -> Dataset:
    """Read, label, clean and split the rows that a recipe names.

    Parameters
    ----------
    folder
        Where the recipe's paths begin; the recipe's own folder when None.
    refuse
        Called with what forbids training on rows that could be read (conflicts, leakage, classes without rows); it
        raises unless whoever asks wants to hear of all of them.
    memory
        Rows in memory that stand for ``data.train``; their numbers are their places, from 0.
    several
        Whether rows may have several labels; whoever says so reads ``classes`` as sets, see `limbeck.data.label_sets`.

    Raises
    ------
    LimbeckError
        For anything in the data that the user has to fix, with file, row and column.
    """
    data, task, kind, asked = recipe.data, recipe.task, kind_of(recipe.task), task_of(recipe.task)
    if asked.exclusive or not several:
        asked.need_labels()
    if kind.in_cells and not asked.detects and task.label in task.inputs:
        fix = "leave it out of task.input: nothing would be learned but to repeat it"
        raise LimbeckError(f"the label column {task.label!r} is among the inputs", where="recipe", fix=fix)
    base = _base(folder, recipe_folder)
    place = base if memory is None else MEMORY
    gathered = Gathered(data.encoding)
    for part, paths in _files(recipe):
        for path in paths if memory is None or part != "train" else [memory]:
            check()
            gathered.add(
                path if isinstance(path, pl.DataFrame) else _found(base / path, f"data.{part}"), part,
                task=task, labelled=data.labels == "all" and part != "unlabelled",
                layout=data.layout, columns=data.columns, keep=data.where, boxes=recipe.input.box,
                signal=recipe.input.signal,
            )  # fmt: skip
    split = parts.given(gathered, data.split, kind)
    gathered.findings += kind.parts.notes(data)
    if data.labels == "test" and isinstance(data.split, Split) and not np.any(split == "test"):
        # Drawn before any label is seen, so not in proportion to the classes.
        drawn = split_random(len(split), valid=0.0, test=data.split.test, seed=recipe.training.seed)
        split = np.where(drawn == "test", "test", split)
    hidden = split != "test" if data.labels == "test" else split == "unlabelled"
    bare = without_label(gathered, task, data.missing_labels, hidden)
    if data.missing_labels == "unlabelled":
        hidden |= bare
    else:
        gathered.drop(bare)
        split, hidden = split[~bare], hidden[~bare]
    rows = Joined.of(gathered, task, place, hidden=hidden)
    rows = replace(rows, frame=with_derived(rows.frame, data.derive, base))
    split = np.where(hidden, "unlabelled", split)
    findings = gathered.findings
    rows, readable = rows.examined(task, place, findings)
    split = split[readable]
    if (unnamed := split == "").any():
        findings.append(message("data.paced", count=unnamed.sum()))
        rows, split = rows.take(np.flatnonzero(~unnamed)), split[~unnamed]
    check()
    keys, contents = kind.copies.keys(rows.frame, rows.texts, recipe.input.clean)
    check()
    exact = duplicates.exact(keys)
    # Rows of a table are short and much alike without being copies of each other; two boxes of one picture are near.
    near = kind.copies.near(contents)
    if data.duplicates in ("auto", "keep"):
        told = kind.copies.told(rows.frame, keys, task)
        copies.note_alike(keys, exact, told, findings, kind)
        exact, near = identity.apart(exact, told), identity.apart(near, told)
        contents = identity.unlike(contents, told)
    check()
    keep = np.ones(len(keys), dtype=bool)
    if kind.parts.straddling is not None and data.leakage == "refuse":
        given = parts.groups(recipe, rows.frame, gathered.sources)
        if given is not None:
            kind.parts.straddling(given, split, keep, findings)
    copies.drop_empty(keys, split, keep, findings, kind)
    try:
        copies.drop_conflicts(data.conflicts, exact, rows.labels, rows.names(kind), split, keep, findings, kind)
    except LimbeckError as error:
        refuse(error)
    if data.duplicates != "keep":
        copies.drop_copies("exact", exact, rows.labels, split, keep, findings)
    if data.duplicates == "near":
        copies.drop_copies("near", near, rows.labels, split, keep, findings)
    kept = np.flatnonzero(keep)
    rows, split, near = rows.take(kept), split[kept], near[kept]
    contents = [contents[row] for row in kept]
    groups = parts.groups(recipe, rows.frame, gathered.sources)
    units, before = parts.together(near, groups), split
    split = parts.drawn(recipe, rows.labels, split, units, findings, grouped=groups is not None)
    split, kept = asked.parted(before, split, rows.labels, units, findings)
    if len(kept) < len(split):
        rows, split, near = rows.take(kept), split[kept], near[kept]
        contents, groups = [contents[row] for row in kept], None if groups is None else groups[kept]
    found = leakage(contents, split, groups, near_groups=near)
    lines = found.lines(rows.names(kind))
    if found.refusable and data.leakage == "refuse":
        fix = 'set data.duplicates = "exact", split by groups, or set data.leakage = "warn"'
        refuse(LimbeckError(lines[0], where=place, fix=fix))
    findings += lines
    near_names = {} if task.class_map is not None or not asked.exclusive else misspelt(rows.labels, rows.classes)
    findings += misspelt_findings(near_names, rows.labels, rows.classes)
    raw = rows.frame[task.label] if task.label in rows.frame.columns else None
    for refusal in asked.unlearnable(rows.labels, rows.classes, split, raw, task, place, near_names):
        refuse(refusal)
    findings += parts.summary(rows.labels, rows.classes, split)
    return Dataset(
        rows.frame,
        rows.texts,
        rows.labels,
        rows.classes,
        split,
        rows.numbers,
        findings,
        gathered.sources,
        rows.origin,
    )


def load_rows(
    path: str | Path | pl.DataFrame,
    task: Task,
    layout: str = "table",
    columns: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
    boxes: str | Sequence[str] | None = None,
    signal: Signal | None = None,
    where: Mapping[str, str] | None = None,
    encoding: str | None = None,
    *,
    labelled: bool = True,
    several: bool = False,
) -> Dataset:
    """Read labelled rows of a file, a folder or memory for evaluation, all of them "test".

    Every readable row that has a label counts; with ``labelled`` false every readable row does, and no label is looked
    at. Without ``classes`` they are the
    task's, or the distinct labels of these rows. ``boxes`` are the columns of the part
    of a picture that counts, ``signal`` what a window of a signal is; ``where`` keeps only rows with these values.
    ``encoding`` is that of text files, found when None. ``several`` is as for `prepare`.

    Raises
    ------
    LimbeckError
        For a missing file or column, an empty or unknown label, or when no row is readable.
    """
    place = MEMORY if isinstance(path, pl.DataFrame) else Path(path)
    if task_of(task).exclusive or not several:
        task_of(task).need_labels()
    gathered = Gathered(encoding)
    gathered.add(
        path if isinstance(path, pl.DataFrame) else place, "test", task=task, labelled=labelled, layout=layout,
        columns=columns, keep=where, boxes=boxes, signal=signal,
    )  # fmt: skip
    if labelled:
        gathered.drop(without_label(gathered, task, "drop", np.zeros(gathered.rows, dtype=bool)))
    rows = Joined.of(
        gathered, task, place, tuple(classes), None if labelled else np.ones(gathered.rows, dtype=bool)
    )  # fmt: skip
    rows, _ = rows.examined(task, place, gathered.findings)
    split = np.full(len(rows.texts), "test", dtype="<U10")
    return Dataset(
        rows.frame, rows.texts, rows.labels, rows.classes, split, rows.numbers, gathered.findings,
        gathered.sources, rows.origin,
    )  # fmt: skip


def texts_of(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return each row's input as a text: the text itself, a picture's path, or ``column=value`` of filled cells."""
    return kind_of(task).names(frame, task)


def _base(folder: Path | None, recipe_folder: Path | None) -> Path:
    base = Path(folder or recipe_folder or Path())
    if not base.is_dir():
        what = "this is a file, the folder with the data is wanted" if base.exists() else "there is no such folder"
        raise LimbeckError(what, where=base, fix="give the folder with --data")
    return base


def _files(recipe: Recipe) -> list[tuple[str, list[str]]]:
    data = recipe.data
    train = [data.train] if isinstance(data.train, str) else data.train
    singles = [("valid", [data.valid] if data.valid else []), ("test", [data.test] if data.test else [])]
    return [("train", list(train)), *singles, ("unlabelled", list(data.unlabelled))]


def _found(path: Path, key: str) -> Path:
    if file_of(path).exists() or is_pattern(path):
        return path
    path = file_of(path)
    near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, near)
    fix = hint if names_one(hint) else f"check {key}, or give the folder with --data"
    raise LimbeckError("there is no such file", where=path, fix=fix)


def doubts_of(recipe: Recipe, data: Dataset) -> list[tuple[Message, Message]]:
    """Return what of prepared rows is likely to harm, and what would help; of most kinds nothing is looked for."""
    kind = kind_of(recipe.task)
    if not kind.has("data_check"):
        return []
    found: list[tuple[Message, Message]] = kind.load("data_check").doubts(recipe, data)
    return found
