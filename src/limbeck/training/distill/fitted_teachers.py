"""Teachers that are in memory: fitted classifiers, asked about rows as their owner holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.recipe import Recipe
from limbeck.teachers.base import Answers, Place, Teacher
from limbeck.teachers.sklearn import Fitted
from limbeck.training.distill.panel import Panel


class Answered:
    """A teacher whose answers float32 [N, C] to all rows are there already."""

    fingerprint, block = "", 4096
    columns: tuple[str, ...] = ()

    def __init__(self, name: str, classes: tuple[str, ...], answers: Answers) -> None:
        self.name, self.classes, self.answers = name, classes, answers

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return the answers to all rows, which are what it is asked about."""
        return self.answers


class Present(Panel):
    """Teachers in memory; nothing of them goes to the cache, which could not tell one from the next."""

    def ask(self, rows: pl.DataFrame, cache: Path | None) -> NDArray[np.float32]:
        """Return all answers float32 [K, N, C]."""
        return np.stack([teacher.answer(rows) for teacher in self.teachers])


def seated(recipe: Recipe, classes: tuple[str, ...], pairs: list[tuple[str, Any]], X: Any, whole: Any) -> Present:
    """Ask every teacher about all rows: for its own columns of a frame X, or for the ``whole`` of it."""
    teachers: list[Teacher] = []
    columns = recipe.task.inputs
    for spec, (name, model) in zip(recipe.teachers, pairs, strict=True):
        place = Place(spec, "", classes, recipe.task)
        fitted = Fitted(model, place, [class_name(value) for value in model.classes_])
        given = whole
        if fitted.named and hasattr(X, "columns"):
            lacking = [column for column in fitted.named if column not in columns]
            if lacking:
                raise place.wrong(f"it reads the column {lacking[0]!r}, which X lacks", "give X its columns")
            given = X[fitted.named]
        elif fitted.width not in (None, len(columns)) and kind_of(recipe.task).by_columns:
            what = f"it was fitted on {fitted.width} features, and X has {len(columns)}"
            raise place.wrong(what, "give X the same columns")
        teachers.append(Answered(name, classes, fitted.labels(fitted.ask(given), name)))
    return Present(teachers, [None] * len(teachers))


def named(teachers: Sequence[Any] | None) -> list[tuple[str, Any]]:
    """Return teachers as (name, classifier), the nameless ones by their class and place."""
    pairs = []
    for at, teacher in enumerate(teachers if teachers is not None else ()):
        given = teacher if isinstance(teacher, tuple) else (f"{type(teacher).__name__}-{at + 1}", teacher)
        if len(given) != 2 or not isinstance(given[0], str) or not hasattr(given[1], "predict"):
            fix = "give fitted classifiers, or pairs (name, classifier)"
            raise LimbeckError(f"a {type(teacher).__name__} that is no classifier", where=f"teachers[{at}]", fix=fix)
        if not hasattr(given[1], "classes_"):
            what = f"a {type(given[1]).__name__} is no fitted classifier"
            raise LimbeckError(what, where=f"teacher {given[0]!r}", fix="fit it first")
        pairs.append(given)
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LimbeckError(f"two teachers are named {twice[0]!r}", where="teachers", fix="name each once")
    return pairs


def class_name(value: Any) -> str:
    """Return a class as text; 1 and 1.0 are one class."""
    own = plain(value)
    return str(int(own)) if isinstance(own, float) and own.is_integer() else str(own)


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
