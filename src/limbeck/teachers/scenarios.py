"""``scenarios:TABLE``: one teacher for each neighbouring scenario in a table of labelled rows.

The usual cold start has the neighbours' labelled rows in one table with a column that names the scenario. Each value
but the target's own becomes a teacher, trained here and now by scikit-learn in the module
``scenario`` of its kind. Beside them stand classifiers of all scenarios together: see the module ``pooled`` of the
kind.
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
_POOLED = "1"
LEARNED = 20_000  # rows of each scenario that pooled classifiers learn from at most


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


class Pooled:
    """Classifiers of all scenarios together, made when they are first asked; teachers and the replay share one."""

    def __init__(self, teachers: Sequence[ScenarioTeacher], target: pl.DataFrame, seed: int = 0) -> None:
        self.teachers, self.target, self.seed = list(teachers), target, seed
        self._pool: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classifiers."""
        return tuple(self.teachers[0].kind.load("pooled").NAMES)

    @property
    def rows(self) -> list[NDArray[np.int64]]:
        """The rows of each scenario that it learns from, and answers with that scenario left out."""
        draws = np.random.default_rng(self.seed)
        return [np.sort(draws.permutation(one.rows.height)[:LEARNED]) for one in self.teachers]

    @property
    def pool(self) -> Any:
        """What the module ``pooled`` of the kind makes of the scenarios."""
        if self._pool is None:
            say(f"training {' and '.join(self.names)} on {len(self.teachers)} scenarios together")
            first = self.teachers[0]
            chosen = list(zip(self.teachers, self.rows, strict=True))
            frames, labels = [one.rows[rows] for one, rows in chosen], [one.labels[rows] for one, rows in chosen]
            self._pool = first.kind.load("pooled").Pool(frames, labels, len(first.classes), self.seed)
        return self._pool


@dataclass
class PooledTeacher:
    """One of the classifiers of all scenarios together."""

    name: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    pooled: Pooled
    which: str
    fingerprint: str
    block: int = 1 << 20

    def answer(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """Return float32 [N, C]."""
        there = rows.select(name for name in self.columns if name in rows.columns)
        found: NDArray[np.float64] = self.pooled.pool.predict(there, self.which, self.pooled.target)
        return found.astype(np.float32)


def pooled_teachers(teachers: Sequence[ScenarioTeacher], target: pl.DataFrame, seed: int = 0) -> list[PooledTeacher]:
    """Return the classifiers of all scenarios together, none where the kind has no such.

    ``target`` holds the rows of the target's scenario, as far as a table names them: ranks are those among its rows.
    """
    if not teachers or not teachers[0].kind.has("pooled"):
        return []
    pooled = Pooled(teachers, target, seed)
    columns = tuple(dict.fromkeys(column for one in teachers for column in one.columns))
    digest = hashlib.sha256("\x00".join([_POOLED, str(seed), *(one.fingerprint for one in teachers)]).encode())
    for column in target.columns:
        digest.update("\x00".join(target[column].cast(pl.String).fill_null("").to_list()).encode("utf-8", "replace"))
    taken = {one.name for one in teachers}
    names = {which: which if which not in taken else f"{which} (all)" for which in pooled.names}
    return [
        PooledTeacher(name, teachers[0].classes, columns, pooled, which, f"{digest.hexdigest()}-{which}")
        for which, name in names.items()
    ]


def scenario_teachers(
    spec: Spec, recipe: Recipe, classes: tuple[str, ...], folders: Sequence[Path | None]
) -> tuple[list[ScenarioTeacher], list[PooledTeacher]]:
    """Return a teacher for every scenario of the table but the target's, in the order of their names, and pooled ones.

    The option ``column`` names the scenario's column; ``pooled = false`` leaves the pooled classifiers out. The
    target's scenario is the value that ``data.where`` asks of that column. The table is read as the recipe's own are:
    layout, renamed and derived columns, and what ``data.where`` asks of other columns. Of a table with a split column
    only rows of train are used. Rows without a label are left out, unless ``data.missing_labels`` refuses them.

    Raises
    ------
    LimbeckError
        When the table or the column is missing, or there are fewer than two other scenarios.
    """
    column = spec.options.get("column")
    place = Place(spec, spec.source.removeprefix(KIND).strip(), classes, recipe.task, tuple(folders))
    together = spec.options.get("pooled", True)
    if not isinstance(column, str) or not isinstance(together, bool) or not set(spec.options) <= {"column", "pooled"}:
        raise place.wrong("a teacher of scenarios has the options { column = NAME, pooled = true or false }")
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
    asked = target.select(name for name in task.inputs if name in target.columns)
    return out, pooled_teachers(out, asked, recipe.training.seed) if together else []


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
