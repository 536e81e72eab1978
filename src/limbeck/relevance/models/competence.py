"""Is this teacher right on this row: learnt on scenarios with labels, used on one without.

Every scenario with labels plays the target once, its own teacher left out, so what is learnt is how a *stranger's*
confidence, agreement and resemblance go with being right (stacking, Wolpert 1992, across scenarios instead of folds).
A teacher's vote then counts by its log-odds of being right, as naive Bayes has it; one temperature, fitted on the same
scenarios, takes back the overconfidence of treating teachers as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbeck.metrics.logits import softmax
from limbeck.relevance.models import one_factor
from limbeck.relevance.models.logistic import Softmax, fit_softmax
from limbeck.relevance.probabilities import Floats, Ints, entropy, logit, votes

_RIDGE = 1e-2
_FARTHEST = 8.0  # logits and standardised logits are cut here
_TEMPERATURES = np.exp(np.linspace(np.log(0.03), np.log(3.0), 40))


@dataclass(frozen=True)
class Scenario:
    """``features`` float64[M, F], ``labels`` int64[M] and all voters' ``answers`` float64[G, M, C] on its rows."""

    features: Floats
    labels: Ints | None
    answers: Floats | None


def fuse_by_right(
    answers: Floats, similar: Floats, scenarios: Sequence[Scenario], resemblance: Softmax
) -> tuple[Floats, Floats]:
    """Return (Q float64[N, C], chance of being right float64[G, N]).

    answers float[G, N, C] and similar float64[G, N] on the target; ``resemblance`` tells the G scenarios apart, and
    with one left out its odds among the others stand.
    """
    lessons = [
        _Lesson(np.delete(s.answers, g, axis=0), _to_the_others(resemblance, s.features, g), s.labels)
        for g, s in enumerate(scenarios)
        if s.answers is not None and s.labels is not None
    ]
    model = _learn(lessons)
    scored = [(_score(x.answers, _chances(model, x.answers, x.similar)), x.labels) for x in lessons]
    losses = [np.mean([_loss(t * score, labels) for score, labels in scored]) for t in _TEMPERATURES]
    temperature = float(_TEMPERATURES[int(np.argmin(losses))])
    right = _chances(model, answers, similar)
    Q = softmax(temperature * _score(answers, right))
    Q[np.isnan(answers[:, :, 0]).all(axis=0)] = np.nan
    return Q, np.nan_to_num(right)


@dataclass(frozen=True)
class _Lesson:
    answers: Floats
    similar: Floats
    labels: Ints


def _to_the_others(resemblance: Softmax, features: Floats, g: int) -> Floats:
    """Return float64[G - 1, M]: how much rows of scenario g resemble each other scenario; columns sum to one."""
    similar = np.delete(resemblance(features), g, axis=1).T + 1e-12
    return np.asarray(similar / similar.sum(axis=0))


def _learn(lessons: Sequence[_Lesson]) -> Softmax:
    """Fit "right" on all (teacher, row) pairs, every scenario counting the same."""
    X, Y, W = [], [], []
    for lesson in lessons:
        described = _Description(lesson.answers, lesson.similar)
        for g in range(len(lesson.answers)):
            x, choice = described(g)
            seen = choice >= 0
            X.append(x[seen])
            Y.append(choice[seen] == lesson.labels[seen])
            W.append(np.full(int(seen.sum()), 1 / lesson.similar.size))
    hit = np.concatenate(Y).astype(np.float64)
    return fit_softmax(np.concatenate(X), np.stack([1 - hit, hit], axis=1), np.concatenate(W), ridge=_RIDGE)


class _Description:
    """What is known of a teacher's answer on a row without the truth: nine numbers."""

    def __init__(self, answers: Floats, similar: Floats) -> None:
        self.answers, self.similar = answers, similar
        self.fitted = one_factor.fit(answers)
        self.seen = ~np.isnan(answers[:, :, 0])
        self.total = np.nan_to_num(answers).sum(axis=0, dtype=np.float64)
        self.count = self.seen.sum(axis=0)

    def __call__(self, g: int) -> tuple[Floats, Ints]:
        """Return (features float64[N, 9], the class named int64[N], -1 for an abstention) of voter g."""
        own = np.nan_to_num(self.answers[g]).astype(np.float64)
        choice = votes(self.answers[g])
        named = np.maximum(choice, 0)
        at = np.arange(len(named))
        z, centred = np.zeros(len(named)), np.zeros(len(named))
        width = self.fitted.loadings.shape[1]
        for c in range(own.shape[1]):
            here = choice == c
            z[here] = logit(own[here], c)
            column = c if width > 1 else 0
            middle = self.fitted.centre[g, column] * (-1 if width == 1 and c == 0 else 1)
            centred[here] = (z[here] - middle) / self.fitted.scale[g, column]
        centred, z = np.clip(centred, -_FARTHEST, _FARTHEST), np.clip(z, -_FARTHEST, _FARTHEST)
        rest = self.count - self.seen[g]
        C = own.shape[1]
        others = np.divide(self.total[at, named] - own[at, named], rest, out=np.full(len(named), 1 / C), where=rest > 0)
        loading = self.fitted.mean_loading[g]
        near = np.log(self.similar[g] * len(self.answers) + 1e-3)
        steady = np.full(len(named), loading)
        x = [
            z,
            centred,
            entropy(np.maximum(own, 1e-12)),
            others,
            near,
            steady,
            loading * centred,
            loading * others,
            near * centred,
        ]
        return np.stack(x, axis=1), choice


def _chances(model: Softmax, answers: Floats, similar: Floats) -> Floats:
    """Return the chance that each voter is right float64[G, N]; NaN where it abstains."""
    described = _Description(answers, similar)
    out = np.full(answers.shape[:2], np.nan)
    for g in range(len(answers)):
        x, choice = described(g)
        out[g] = np.where(choice >= 0, model(x)[:, 1], np.nan)
    return out


def _score(answers: Floats, right: Floats) -> Floats:
    """Return the summed log-odds of being right of the voters for each class, float64[N, C]."""
    C = answers.shape[2]
    total = np.zeros(answers.shape[1:])
    for each, chance in zip(answers, right, strict=True):
        choice = votes(each)
        seen = np.flatnonzero(choice >= 0)
        p = np.clip(chance[seen], 1e-4, 1 - 1e-4)
        total[seen, choice[seen]] += np.log(p * (C - 1) / (1 - p))
    return total


def _loss(odds: Floats, labels: Ints) -> float:
    return float(-np.log(np.maximum(softmax(odds)[np.arange(len(labels)), labels], 1e-12)).mean())
