"""`limbeck doctor`: what is wrong with a recipe, its rows and its teachers, before hours are spent.

Other verbs stop at the first fault. This one runs every check that can still be run and says all it found. It reads
all rows, asks teachers about a few, and takes a fresh student through one batch of each loss; it trains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.recipe import Recipe, load_recipe
from limbeck.tasks import task_of
from limbeck.training.doctor.case import Case
from limbeck.training.doctor.data import check_data, read_rows
from limbeck.training.doctor.files import check_files
from limbeck.training.doctor.finding import Finding, attempt, distinct, refused
from limbeck.training.doctor.losses import Fresh, check_losses, check_student
from limbeck.training.doctor.overlap import check_overlap
from limbeck.training.doctor.plan import check_recipe, check_training
from limbeck.training.doctor.teachers import (
    check_answers,
    check_cache,
    check_classes,
    check_guide,
    check_silence,
    open_all,
)
from limbeck.training.one_at_a_time import alone

__all__ = ["Finding", "doctor"]


def doctor(
    recipe: str | Path | Recipe,
    *,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    ask: bool = False,
) -> list[Finding]:
    """Look for whatever would make training fail, or its result worth nothing.

    Parameters
    ----------
    recipe, data, settings
        As for `limbeck.train`.
    ask
        Ask teachers behind ``http:`` too, which may cost money; without it they are opened, not asked.

    Returns
    -------
    list[Finding]
        In the order of the checks: recipe, data, student, losses, teachers, cache, overlap, training. What a user can
        fix is a finding of level "error", never an exception.
    """
    try:
        parsed = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, settings)
    except LimbeckError as error:
        return [refused("recipe", error)]
    home = None if isinstance(recipe, Recipe) else Path(recipe).resolve().parent
    with alone():
        return distinct(_examine(Case(parsed, None if data is None else Path(data), home), ask))


def _examine(case: Case, ask: bool) -> Iterator[Finding]:
    yield from attempt("recipe", check_recipe(case.recipe))
    try:
        own = task_of(case.recipe.task).verb("doctor")
    except LimbeckError as error:
        yield refused("recipe", error)
        return
    if own is not None:
        yield from attempt("data", own(case))
        return
    case, found = read_rows(case)
    yield from found
    if case.rows is not None:
        made: list[Fresh] = []
        yield from attempt("data", check_data(case))
        yield from attempt("student", check_student(case, made))
        if made:
            yield from attempt("losses", check_losses(case, made[0]))
        else:
            yield Finding("warn", "losses", "not checked: there is no student to try them on")
    else:
        yield Finding("warn", "losses", "not checked: the rows cannot be read")
    yield from check_files(case)
    teachers = None
    if case.recipe.teachers and case.classes:
        seats, found = open_all(case)
        yield from found
        teachers = None if found else len(seats)
        yield from attempt("teachers", check_classes(case, seats, whole=not found))
        if not found:
            yield from attempt("teachers", check_guide(case, seats))
        if case.rows is None:
            yield Finding("warn", "teachers", "opened, but not asked: the rows cannot be read")
        heard: dict[str, bool] = {}
        for one in seats if case.rows is not None else []:
            yield from attempt("teachers", check_answers(case, one, ask, heard))
            yield from attempt("cache", check_cache(case, one, ask))
            yield from attempt("overlap", check_overlap(case, one))
        if not found:
            yield from check_silence(seats, heard)
    elif case.recipe.teachers:
        yield Finding("warn", "teachers", "not opened: the classes are not known", "write task.classes")
    yield from attempt("training", check_training(case, teachers))
