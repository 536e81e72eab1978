"""``scenarios:TABLE``: one teacher for each neighbouring scenario in a table of labelled rows.

The usual cold start has the neighbours' labelled rows in one table with a column that names the scenario. Each value
but the target's own becomes a teacher, trained here and now by scikit-learn: TF-IDF over characters and words with
logistic regression for texts; for tables the mean of gradient-boosted trees, a random forest and extremely randomised
trees, because boosting alone is the best at home and less steady abroad.
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
from limbeck.errors import LimbeckError, missing_extra
from limbeck.messages.findings import is_unreadable
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.recipe import Teacher as Spec
from limbeck.tasks import task_of
from limbeck.teachers.base import Place

KIND = "scenarios:"
READS = ("text", "table")
_VERSION = "2"


@dataclass
class ScenarioTeacher:
    """A classifier of one scenario's labelled rows; trained when it is first asked."""

    name: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: pl.DataFrame
    labels: NDArray[np.int64]
    text: str | None
    fingerprint: str
    block: int = 8192
    _model: Any = field(default=None, repr=False)

    def answer(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """Return float32 [N, C]; a class that this scenario never had gets 0."""
        if self._model is None:
            self._model = _text_model(self) if self.text else _table_model(self)
        out = np.zeros((rows.height, len(self.classes)), dtype=np.float32)
        out[:, self._model.classes_] = self._model.predict_proba(self._features(rows))
        return out

    def _features(self, rows: pl.DataFrame) -> Any:
        if self.text:
            return rows[self.text].cast(pl.String).fill_null("").to_list()
        return rows.select(name for name in self.columns if name in rows.columns)


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
    if task.rows not in READS:
        raise place.wrong(f"scenarios of {task.kind!r} cannot be learned", f"known: {', '.join(READS)}")
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
        raise LimbeckError(what, where=file, mend="a cold start needs two or more")
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
        raise LimbeckError(what, where="teachers", mend="name columns that both have in task.input")
    columns = tuple(known)
    digest = hashlib.sha256(
        "\x00".join([_VERSION, name, *classes, *columns, *texts_of(rows, task)]).encode("utf-8", "replace")
    )
    digest.update(labels.tobytes())
    text = task.inputs[0] if task.kind == "text" else None
    return ScenarioTeacher(name, classes, columns, rows.select(columns), labels, text, digest.hexdigest())


def _has_values(series: pl.Series) -> bool:
    return bool((series.cast(pl.String).fill_null("").str.strip_chars() != "").any())


def _text_model(teacher: ScenarioTeacher) -> Any:
    try:
        import rjieba
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
    except ImportError as error:
        raise missing_extra("scikit-learn", "train", "a teacher of scenarios") from error
    common: dict[str, Any] = {"ngram_range": (1, 2), "sublinear_tf": True, "min_df": 2, "dtype": np.float32}
    characters = TfidfVectorizer(analyzer="char", **common)
    words = TfidfVectorizer(tokenizer=rjieba.cut, token_pattern=None, **common)
    model = make_pipeline(make_union(characters, words), LogisticRegression(C=4.0, max_iter=200))
    return model.fit(teacher._features(teacher.rows), teacher.labels)


class _Trees:
    """Ensembles of trees that take a frame; a column the rows lack is missing in all of them."""

    def __init__(self, encoder: Any, models: Sequence[Any]) -> None:
        self.encoder, self.models, self.classes_ = encoder, models, models[0].classes_

    def predict_proba(self, frame: pl.DataFrame) -> Any:
        from limbeck.kinds.table.baseline import features

        rows = features(self.encoder, frame)
        return np.mean([model.predict_proba(rows) for model in self.models], axis=0)


def _table_model(teacher: ScenarioTeacher) -> Any:
    from limbeck.kinds.table.baseline import features
    from limbeck.kinds.table.encode import TableInput
    from limbeck.metrics.baseline_row import fit_boosting
    from limbeck.recipe import Input

    try:
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    except ImportError as error:
        raise missing_extra("scikit-learn", "train", "a teacher of scenarios") from error
    encoder = TableInput.fit(Input(), teacher.rows)
    rows = features(encoder, teacher.rows)
    forest: dict[str, Any] = {"n_estimators": 200, "min_samples_leaf": 3, "random_state": 0}
    models = [
        fit_boosting(rows, teacher.labels, "a teacher of scenarios", max_iter=100, learning_rate=0.08),
        RandomForestClassifier(**forest).fit(rows, teacher.labels),
        ExtraTreesClassifier(**forest).fit(rows, teacher.labels),
    ]
    return _Trees(encoder, models)
