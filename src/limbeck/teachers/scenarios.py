"""``scenarios:TABLE``: one teacher for each neighbouring scenario in a table of labelled rows.

The usual cold start has the neighbours' labelled rows in one table with a column that names the scenario. Each value
but the target's own becomes a teacher, trained here and now by scikit-learn in the module
``scenario`` of its kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.labels import text_of
from limbeck.data.split import named_parts
from limbeck.data.tables.rows import need
from limbeck.dataset.more_tables import read_more
from limbeck.dataset.prepare import texts_of
from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS, kind_of
from limbeck.kinds.kind import Kind
from limbeck.messages.findings import is_unreadable
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.recipe import Teacher as Spec
from limbeck.tasks import task_of
from limbeck.teachers.base import Place

KIND = "scenarios:"
_VERSION = "2"


@dataclass
class ScenarioTeacher:
    """A classifier of one scenario's labelled rows; trained when it is first asked."""

    name: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: pl.DataFrame
    labels: NDArray[np.int64]
    kind: Kind
    fingerprint: str
    block: int = 8192
    _model: Any = field(default=None, repr=False)

    def answer(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """Return float32 [N, C]; a class that this scenario never had gets 0."""
        if self._model is None:
            self._model = self.kind.load("scenario").fit(self.rows, self.labels)
        out = np.zeros((rows.height, len(self.classes)), dtype=np.float32)
        there = rows.select(name for name in self.columns if name in rows.columns)
        out[:, self._model.classes_] = self._model.predict_proba(there)
        return out


def scenario_teachers(
    spec: Spec, recipe: Recipe, classes: tuple[str, ...], folders: Sequence[Path | None]
) -> list[ScenarioTeacher]:
    """Return one teacher for every scenario of the table but the target's, in the order of their names.

    The option ``column`` names the scenario's column; the target's scenario is the value that ``data.where`` asks of
    that column. The table is read as the recipe's own are: layout, renamed and derived columns, and what ``data.where``
    asks of other columns. Of a table with a split column only rows of train are used. Rows without a label are left
    out, unless ``data.missing_labels`` refuses them.

    Raises
    ------
    LimbeckError
        When the table or the column is missing, or there are fewer than two other scenarios.
    """
    column = spec.options.get("column")
    place = Place(spec, spec.source.removeprefix(KIND).strip(), classes, recipe.task, tuple(folders))
    if not isinstance(column, str) or set(spec.options) != {"column"}:
        raise place.wrong("a teacher of scenarios has one option: { column = NAME }")
    task, split = recipe.task, recipe.data.split
    if not kind_of(task).has("scenario"):
        known = ", ".join(name for name, kind in KINDS.items() if kind.has("scenario"))
        raise place.wrong(f"scenarios of {task.kind!r} cannot be learned", f"known: {known}")
    file = place.path()
    # The target is told by the scenario's column; whatever else the recipe asks of its rows holds for its neighbours.
    others = {name: values for name, values in recipe.data.where.items() if name != column}
    gathered = read_more(recipe, file, labelled=True, keep=others)
    for line in gathered.findings:
        if is_unreadable(line):
            say(f"teacher {spec.name}: {line}")
    frame, numbers = gathered.frame(), np.concatenate(gathered.numbers)
    need(frame.columns, [column, task.label], file)
    if isinstance(split, str) and split in frame.columns:
        kept = np.flatnonzero(named_parts(frame[split].to_list(), f"{file}, column {split!r}") == "train")
        frame, numbers = frame[kept], numbers[kept]
    own = recipe.data.where.get(column, [])
    left_out = {own} if isinstance(own, str) else set(own)
    names = [name for name in frame[column].cast(pl.String).unique().sort().to_list() if name and name not in left_out]
    target = frame.filter(frame[column].cast(pl.String).is_in(sorted(left_out)))
    out = []
    for name in names:
        at = np.flatnonzero((frame[column].cast(pl.String) == name).fill_null(False).to_numpy())
        if recipe.data.missing_labels != "refuse":
            at = at[[label is not None for label in text_of(frame[task.label][at])]]
        if len(at):
            labels = task_of(task).labels(frame[at], task, file, numbers[at], classes)
            out.append(_teacher(name, frame[at], labels, recipe, classes, target))
    if len(out) < 2:
        what = f"the column {column!r} holds {len(out)} scenarios with labels besides the target"
        raise LimbeckError(what, where=file, fix="a cold start needs two or more")
    return out


def _teacher(
    name: str,
    rows: pl.DataFrame,
    labels: NDArray[np.int64],
    recipe: Recipe,
    classes: tuple[str, ...],
    target: pl.DataFrame,
) -> ScenarioTeacher:
    """Return the teacher of one scenario; it learns from columns that have values there and in the target's rows."""
    task = recipe.task
    known = [
        column
        for column in task.inputs
        if column in rows.columns and _has_values(rows[column])
        if not target.height or _has_values(target[column])
    ]
    if not known:
        what = f"the scenario {name!r} has no input column in common with the target"
        raise LimbeckError(what, where="teachers", fix="name columns that both have in task.input")
    columns = tuple(known)
    digest = hashlib.sha256(
        "\x00".join([_VERSION, name, *classes, *columns, *texts_of(rows, task)]).encode("utf-8", "replace")
    )
    digest.update(labels.tobytes())
    return ScenarioTeacher(name, classes, columns, rows.select(columns), labels, kind_of(task), digest.hexdigest())


def _has_values(series: pl.Series) -> bool:
    return bool((series.cast(pl.String).fill_null("").str.strip_chars() != "").any())
