"""Compare the candidates that a recipe lists, and choose one by cross-validation on the rows to learn from.

Every candidate is the recipe with some keys of its own. All are trained on the same folds; where rows are few, the
folds are dealt several times. The choice follows the one-standard-error rule (Breiman et al. 1984, section 3.4.3): the
first candidate of the list whose score is within one standard error of the best score. The list begins with the one
that is preferred, as a rule the cheapest. Rows of ``test`` stay untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, as_json, message
from limbeck.networks.blend import NAME as BLEND
from limbeck.progress import say
from limbeck.recipe import Recipe, Selection, override
from limbeck.training.anomaly import refuse_detectors
from limbeck.training.blend import blend_of
from limbeck.training.build import network_kind, start_of
from limbeck.training.fit.validation_scores import scores_of
from limbeck.training.search.blend_weights import answered_by_all, blended, greedy_weights
from limbeck.training.search.dealt_folds import FoldRows, fold_rows
from limbeck.training.search.out_of_fold import Clock, out_of_fold

FEWEST = 8  # rows, or groups
_DRAWS = 200  # resamples for standard errors
_CLEARLY = 1.0  # standard errors of the difference: a candidate that is further below the best is not tried again
_READ_BY = ("rate", "before", "after", "leads", "band", "mains", "annotations", "peaks")
_ROWS, _REPEATS = 100, 5  # folds are dealt anew until so many answers are counted, but at most so often


@dataclass(frozen=True)
class Compared:
    """One candidate: its score, and how far it is below the best on the same rows, each with its standard error."""

    name: str
    network: str
    repeats: int
    score: float
    spread: float
    below: float
    below_spread: float


@dataclass(frozen=True)
class Choice:
    """The recipe of the chosen candidate, and how it was chosen."""

    recipe: Recipe
    name: str
    metric: str
    folds: int
    rows: int
    groups: int
    compared: tuple[Compared, ...]
    rule: str = "score"
    dropped: tuple[Message, ...] = ()
    answers: np.ndarray | None = field(default=None, compare=False, repr=False)  # out of fold, by the first dealing

    @property
    def messages(self) -> list[Message]:
        """Why one was chosen, then the score of each candidate."""
        best = min(self.compared, key=lambda one: one.below)
        chosen = next(one for one in self.compared if one.name == self.name)
        within = "candidates.within_difference" if self.rule == "difference" else "candidates.first_within"
        code = "candidates.best" if chosen.name == best.name else within
        why = message(
            code, chosen=chosen.name, best=best.name, candidates=len(self.compared), metric=self.metric,
            score=chosen.score, below=chosen.below, spread=best.spread, folds=self.folds, count=self.rows,
        )  # fmt: skip
        return [why, *(message("candidates.score", **vars(one)) for one in self.compared), *self.dropped]

    def facts(self) -> dict[str, Any]:
        """Return the choice as metrics.json holds it."""
        told = self.messages
        return {
            "chosen": self.name, "metric": self.metric, "folds": self.folds, "rows": self.rows, "groups": self.groups,
            "compared": [vars(one) for one in self.compared], "why": str(told[0]), "messages": list(map(as_json, told)),
        }  # fmt: skip


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
    """Train every candidate on every fold and return the choice.

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
    compared = _compared(candidates, answers, dealt, metric)
    first = first_within(compared, settings.rule)
    known = _known(answers)
    whole = bool(np.isfinite(answers[first.name][0]).all())
    run = len(np.unique(dealt.numbers(folds, recipe.training.seed)[known]))
    chosen = candidates[first.name]
    if not whole and chosen.evaluation.leave_out is not None and chosen.evaluation.leave_out.group is None:
        chosen = override(chosen, {"evaluation.leave_out": None})  # it would take what the budget did not allow
    choice = Choice(
        chosen, first.name, metric, run, int(known.sum()), units, tuple(compared), settings.rule,
        tuple(dropped), answers[first.name][0] if whole else None,
    )  # fmt: skip
    for line in choice.messages:
        say(line)
    return choice


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
        compared = _compared(candidates, answers, dealt, recipe.training.metric)
        running = [one.name for one in compared if one.below <= _CLEARLY * one.below_spread]
    return answers, dropped


def _known(answers: dict[str, list[np.ndarray]]) -> np.ndarray:
    """Return which rows every candidate has answered, bool [M]: the same folds of all."""
    return answered_by_all(p for found in answers.values() for p in found)


def _compared(
    candidates: dict[str, Recipe], answers: dict[str, list[np.ndarray]], dealt: FoldRows, metric: str
) -> list[Compared]:
    """Return what every candidate scored so far; standard errors by resampling groups, the same for all."""
    known = _known(answers)
    answers = {name: [p[known] for p in found] for name, found in answers.items()}
    labels, units = dealt.rows.labels[dealt.used[known]], np.unique(dealt.units[known], return_inverse=True)[1]
    members = [np.flatnonzero(units == unit) for unit in range(int(units.max()) + 1)]
    random = np.random.default_rng(0)
    drawn = random.integers(len(members), size=(_DRAWS, len(members)))
    draws = [np.arange(len(labels)), *(np.concatenate([members[unit] for unit in draw]) for draw in drawn)]
    positive = 1  # of two classes the metrics of an epoch are the same for either

    def scored(p: np.ndarray, draw: np.ndarray) -> float:
        found = scores_of(labels[draw], p[draw], positive)
        if metric not in found:
            return float("nan")
        return -found["loss"] if metric == "loss" else found[metric]

    scores = {name: np.mean([[scored(p, draw) for draw in draws] for p in answers[name]], axis=0) for name in answers}
    if np.isnan(scores[next(iter(scores))][0]):
        what = f"training.metric = {metric!r} cannot be computed on these rows"
        raise LimbeckError(what, where="recipe", fix="use accuracy or macro_f1")
    best = max(scores, key=lambda name: scores[name][0])  # the first of equals
    return [
        Compared(
            name, candidates[name].student.network, len(answers[name]), float(found[0]), _deviation(found[1:]),
            float(scores[best][0] - found[0]), _deviation(scores[best][1:] - found[1:]),
        )
        for name, found in scores.items()
    ]  # fmt: skip


def first_within(compared: Sequence[Compared], rule: str = "score") -> Compared:
    """Return the first candidate whose score is within one standard error of the best score.

    The standard error is that of the best score, or by the ``rule`` "difference" that of the difference to it, which is
    smaller, as both are measured on the same rows.
    """
    if rule == "difference":
        return next(one for one in compared if one.below <= one.below_spread)
    within = min(compared, key=lambda one: one.below).spread
    return next(one for one in compared if one.below <= within)


def _deviation(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else 0.0


def _of(name: str, error: LimbeckError) -> LimbeckError:
    return LimbeckError(f"the candidate {name!r}: {error.what}", where=error.where, fix=error.fix)
