"""Compare the candidates that a recipe lists, and choose one by cross-validation on the rows to learn from.

Every candidate is the recipe with some keys of its own. All are trained on the same folds; where rows are few, the
folds are dealt several times. `limbeck.training.search.choice` says which is chosen. Rows of ``test`` stay untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, message
from limbeck.networks.blend import NAME as BLEND
from limbeck.progress import say
from limbeck.recipe import Recipe, Selection, override
from limbeck.training.anomaly import refuse_detectors
from limbeck.training.blend import blend_of
from limbeck.training.build import network_kind, start_of
from limbeck.training.search.blend_weights import blended, greedy_weights
from limbeck.training.search.choice import Choice, Comparison, compared_on
from limbeck.training.search.dealt_folds import FoldRows, fold_rows
from limbeck.training.search.out_of_fold import Clock, out_of_fold

FEWEST = 8  # rows, or groups
_CLEARLY = 1.0  # standard errors of the difference: a candidate that is further below the best is not tried again
_READ_BY = ("rate", "before", "after", "leads", "band", "mains", "annotations", "peaks")
_ROWS, _REPEATS = 100, 5  # folds are dealt anew until so many answers are counted, but at most so often


def candidates_of(recipe: Recipe) -> dict[str, Recipe]:
    """Return name -> recipe of each candidate, all checked; a ``student`` with a network replaces the whole section.

    Raises
    ------
    LimbeckError
        In one line that names the candidate.
    """
    plain = recipe.model_copy(update={"selection": Selection()})
    found = {}
    for name, sections in recipe.selection.candidates.items():
        values: dict[str, Any] = {}
        for section, keys in sections.items():
            whole = section == "student" and "network" in keys
            values |= {section: keys} if whole else {f"{section}.{key}": value for key, value in keys.items()}
        try:
            found[name] = override(plain, values)
            network_kind(found[name])
            _refuse_other_windows(plain, found[name])
        except LimbeckError as error:
            raise _of(name, error) from error
    return found


def _refuse_other_windows(recipe: Recipe, candidate: Recipe) -> None:
    """Raise where a candidate would have windows cut otherwise: rows are read once, by the keys of the recipe."""
    ours, theirs = recipe.input.signal, candidate.input.signal
    for key in _READ_BY:
        if getattr(ours, key) != getattr(theirs, key):
            what = f"input.signal.{key} counts when rows are read, once for all candidates"
            raise LimbeckError(what, where="recipe", fix="set it in [input.signal] of the recipe")


def choose(recipe: Recipe, rows: Dataset, folders: Sequence[Path | None]) -> Choice:
    """Train every candidate on every fold and return the choice; see `compare`."""
    choice = compare(recipe, rows, folders).choice()
    for line in choice.messages:
        say(line)
    return choice


def compare(recipe: Recipe, rows: Dataset, folders: Sequence[Path | None]) -> Comparison:
    """Train every candidate on every fold.

    With ``selection.budget`` the first candidate says how many folds can be afforded. A slower one runs fewer, and one
    whose single fold would take longer than what is left is not compared. With ``selection.blend`` a weighted blend of
    the candidates is compared too.

    Raises
    ------
    LimbeckError
        For detectors, for fewer than eight labelled rows or groups, and for what stops a candidate; it names it.
    """
    refuse_detectors(recipe, "the comparison of candidates")
    candidates, settings, metric = candidates_of(recipe), recipe.selection, recipe.training.metric
    for name, one in candidates.items():
        try:
            start_of(one, list(folders), quiet=True)
        except LimbeckError as error:
            raise _of(name, error) from error
    dealt = fold_rows(recipe, rows)
    units = len(np.unique(dealt.units))
    if units < FEWEST:
        what = f"{units} labelled rows or groups are too few to compare candidates"
        raise LimbeckError(what, where="selection", fix="name one network in [student] and no selection.candidates")
    folds = min(settings.folds, units)
    clock = Clock(settings.budget)
    answers, dropped = _answers(recipe, candidates, dealt, folds, folders, clock)
    if settings.blend and len(answers) > 1:
        weights = greedy_weights({name: found[0] for name, found in answers.items()}, dealt.rows.labels[dealt.used])
        if len(weights) > 1:
            candidates[BLEND] = blend_of(recipe, candidates, weights)
            members = zip(*(answers[name] for name in weights), strict=False)  # as often as all of them were run
            answers[BLEND] = [
                blended(dict(zip(weights, one, strict=True)), weights).astype(np.float32) for one in members
            ]
    return Comparison(
        candidates, answers, dealt, metric, settings.rule, folds, recipe.training.seed, tuple(dropped)
    )  # fmt: skip


def _answers(
    recipe: Recipe, candidates: dict[str, Recipe], dealt: FoldRows, folds: int, folders: Sequence[Path | None],
    clock: Clock,
) -> tuple[dict[str, list[np.ndarray]], list[Message]]:  # fmt: skip
    """Return out-of-fold answers [M, C] of each candidate by each dealing, and a line for each that is too slow.

    Where rows are few, the folds are dealt several times; who is clearly below the best is not tried again.
    """
    settings = recipe.selection
    repeats = settings.repeats or int(np.clip(-(-_ROWS // len(dealt.used)), 1, _REPEATS))
    answers: dict[str, list[np.ndarray]] = {}
    dropped: list[Message] = []
    running = list(candidates)
    for repeat in range(repeats):
        numbers = dealt.numbers(folds, recipe.training.seed + repeat)
        for name in running:
            line = f"candidate {name}: {clock.folds or folds} folds, dealing {repeat + 1} of {repeats}"
            say(line, done=repeat, total=repeats)
            try:
                found = out_of_fold(candidates[name], dealt, numbers, folders, clock)
            except LimbeckError as error:
                raise _of(name, error) from error
            if found is not None:
                answers.setdefault(name, []).append(found)
            elif name not in answers:
                seconds, budget = clock.wanted, settings.budget
                dropped.append(message("candidates.over_budget", name=name, seconds=seconds, budget=budget))
        if clock.over or repeat + 1 == repeats:
            break
        compared = compared_on(candidates, answers, dealt, recipe.training.metric)
        running = [one.name for one in compared if one.below <= _CLEARLY * one.below_spread]
    return answers, dropped


def _of(name: str, error: LimbeckError) -> LimbeckError:
    return LimbeckError(f"the candidate {name!r}: {error.what}", where=error.where, fix=error.fix)
