"""What candidates scored on the same rows, and which of them is chosen: the one-standard-error rule.

The first candidate of the list is chosen whose score is within one standard error of the best score (Breiman et al.
1984, section 3.4.3). The list begins with the one that is preferred, as a rule the cheapest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, as_json, message
from limbeck.recipe import Recipe, override
from limbeck.training.fit.validation_scores import scores_of
from limbeck.training.search.blend_weights import answered_by_all
from limbeck.training.search.dealt_folds import FoldRows

_DRAWS = 200  # resamples for standard errors


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


@dataclass(frozen=True)
class Comparison:
    """The candidates that were compared.

    Attributes
    ----------
    candidates
        Name -> recipe, in the order of preference.
    answers
        Name -> out-of-fold probabilities [M, C] by each dealing of the folds.
    folds
        Of a dealing.
    dropped
        A line for each candidate that was not compared.
    """

    candidates: Mapping[str, Recipe]
    answers: Mapping[str, Sequence[np.ndarray]]
    dealt: FoldRows
    metric: str
    rule: str
    folds: int
    seed: int
    dropped: tuple[Message, ...]

    def choice(self, without: Collection[str] = ()) -> Choice:
        """Return the choice among all candidates but those named."""
        answers = {name: found for name, found in self.answers.items() if name not in without}
        compared = compared_on(self.candidates, answers, self.dealt, self.metric)
        name = first_within(compared, self.rule).name
        known = known_rows(answers)
        whole = bool(np.isfinite(answers[name][0]).all())
        run = len(np.unique(self.dealt.numbers(self.folds, self.seed)[known]))
        chosen = self.candidates[name]
        if not whole and chosen.evaluation.leave_out is not None and chosen.evaluation.leave_out.group is None:
            chosen = override(chosen, {"evaluation.leave_out": None})  # it would take what the budget did not allow
        return Choice(
            chosen, name, self.metric, run, int(known.sum()), len(np.unique(self.dealt.units)), tuple(compared),
            self.rule, self.dropped, answers[name][0] if whole else None,
        )  # fmt: skip


def known_rows(answers: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """Return which rows every candidate has answered, bool [M]: the same folds of all."""
    return answered_by_all(p for found in answers.values() for p in found)


def compared_on(
    candidates: Mapping[str, Recipe], answers: Mapping[str, Sequence[np.ndarray]], dealt: FoldRows, metric: str
) -> list[Compared]:
    """Return what every candidate scored so far; standard errors by resampling groups, the same for all."""
    known = known_rows(answers)
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
