"""Whether the rows are fit to learn from: counts, classes, leaks, columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from limbeck.data.dataset import Dataset
from limbeck.data.labels import text_of
from limbeck.data.near_duplicates import exact
from limbeck.dataset.prepare import doubts_of, prepare
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.messages.findings import doubtful
from limbeck.tasks import task_of
from limbeck.training.doctor.case import Case
from limbeck.training.doctor.finding import Finding, refused
from limbeck.training.pretrain.masked_words import is_pretraining

ENOUGH = 50  # labelled rows from which on a column that tells them all is no accident
IMBALANCE = 10.0  # times as many rows of the largest class as of the smallest


def read_rows(case: Case) -> tuple[Case, list[Finding]]:
    """Return the case with its rows, and every reason why they may not be trained on."""
    refusals: list[LimbeckError] = []
    try:
        rows = prepare(case.recipe, case.folder, recipe_folder=case.home, refuse=refusals.append)
    except LimbeckError as error:
        return case, [refused("data", error)]
    said = {refusal.what for refusal in refusals}
    found = [refused("data", refusal) for refusal in refusals]
    found += [_noted(line) for line in rows.findings if line not in said]
    return replace(case, rows=rows), found


def _noted(line: str) -> Finding:
    return Finding("warn" if doubtful(line) else "ok", "data", line)


def check_data(case: Case) -> Iterator[Finding]:
    """Yield classes and columns that are missing, rare, or tell nothing."""
    rows = case.rows
    assert rows is not None
    if not is_pretraining(case.recipe):
        yield from _absent(rows)
        yield from _imbalance(case, rows)
    yield from _columns(case, rows)
    yield from _telling(case, rows)
    for what, fix in doubts_of(case.recipe, rows):
        yield Finding("warn", "data", what, fix)


def _absent(rows: Dataset) -> Iterator[Finding]:
    """Yield classes without a row in valid or test; those that train lacks are refused with the rows."""
    for part in ("valid", "test"):
        labels = rows.labels[rows.part(part)]
        labels = labels[labels >= 0]
        for k, name in enumerate(rows.classes):
            if len(labels) and not (labels == k).any():
                what = f"the class {name!r} has no row in {part}, so nothing will be known of it there"
                yield Finding("warn", "data", what, f"give {part} some of its rows (data.split)")


def _imbalance(case: Case, rows: Dataset) -> Iterator[Finding]:
    labels = rows.labels[rows.part("train")]
    counts = np.bincount(labels[labels >= 0], minlength=len(rows.classes))
    if counts.min() == 0 or counts.max() < IMBALANCE * counts.min() or case.recipe.objective.class_weights != "none":
        return
    most, least = rows.classes[int(counts.argmax())], rows.classes[int(counts.argmin())]
    what = f"train has {counts.max() / counts.min():.0f} times as many rows of {most!r} as of {least!r}"
    yield Finding("warn", "data", what, 'set objective.class_weights = "balanced", and look at macro_f1, not accuracy')


def _telling(case: Case, rows: Dataset) -> Iterator[Finding]:
    """Yield columns of a table of which each alone has the label of every row: most often made after it was known."""
    task, labels = case.recipe.task, rows.labels
    learned = np.flatnonzero((labels >= 0) & np.isin(rows.split, ("train", "valid")))
    evaluated = kind_of(task).by_columns and not task_of(task).detects
    if not evaluated or len(learned) < ENOUGH or len(np.unique(labels[learned])) < 2:
        return
    for name in task.inputs:
        cells = exact(text_of(rows.frame[name][learned])) if name in rows.frame.columns else np.zeros(1, dtype=np.int64)
        count = int(cells.max()) + 1
        if not 1 < count <= len(learned) / 10:
            continue  # a column of distinct values tells every row from every other, and nothing of new ones
        of = np.full(count, -1)
        of[cells] = labels[learned]
        if (of[cells] == labels[learned]).all():
            what = f"the input column {name!r} alone tells the label of every row"
            yield Finding("warn", "data", what, "leave it out of task.input if it is known only once the label is")


def _columns(case: Case, rows: Dataset) -> Iterator[Finding]:
    """Yield input columns that are missing, empty, or the same in every row that is learned from."""
    task = case.recipe.task
    learned = rows.frame[case.learned]
    for name in task.inputs:
        if name not in learned.columns:
            what = f"the input column {name!r} is not in the rows: missing in all of them"
            yield Finding("warn", "data", what, "leave it out of task.input, or check its name")
            continue
        cells = learned[name].cast(pl.String, strict=False).str.strip_chars()
        filled = cells.filter(cells.is_not_null() & (cells != ""))
        if not len(filled):
            yield Finding("warn", "data", f"the input column {name!r} is empty", "leave it out of task.input")
        elif kind_of(task).by_columns and len(filled) == len(cells) and filled.n_unique() == 1 and len(cells) > 1:
            what = f"the input column {name!r} holds {str(filled[0])[:40]!r} in every row, which tells nothing"
            yield Finding("warn", "data", what, "leave it out of task.input")
