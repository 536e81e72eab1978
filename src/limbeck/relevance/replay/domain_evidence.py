"""Does `domain` help strangers: every labelled scenario plays the target once, measured by its labels.

The scenario's own teacher and its labels are kept from whatever fuses its rows, so a win here is what a win on the
real target would look like. Source labels are used; target labels do not exist.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbeck.relevance.methods.agreement import agreement
from limbeck.relevance.methods.baselines import uniform_logit
from limbeck.relevance.methods.domain import Samples, domain
from limbeck.relevance.probabilities import Floats, Ints, some_rows, top_shares

_ROWS = 300  # per scenario: an accuracy to within three points, over at least five scenarios
_FEWEST = 5
FORMS = ("resemblance", "right")  # domain without and with labels


def winner(samples: Samples, *, seed: int = 0) -> str | None:
    """Return "resemblance" or "right", whichever form of `domain` is better, if it clearly beats doing without.

    Clearly: its accuracy is above both the average's and `agreement`'s by a standard error over the scenarios.
    """
    accuracy = leave_one_out(samples, seed=seed)
    if accuracy is None:
        return None
    form = 2 + int(accuracy[:, 2:].mean(axis=0).argmax())
    gain = accuracy[:, form] - accuracy[:, :2].max(axis=1)
    return FORMS[form - 2] if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else None


def leave_one_out(samples: Samples, *, seed: int = 0) -> Floats | None:
    """Return accuracies float64[K, 4] of average, agreement and `domain` without and with labels; None for few."""
    K = len(samples.features)
    if samples.labels is None or samples.answers is None or K < _FEWEST:
        return None
    rows = [some_rows(len(np.asarray(f)), _ROWS, seed) for f in samples.features]
    features = [np.asarray(f, dtype=np.float64)[r] for f, r in zip(samples.features, rows, strict=True)]
    labels = [np.asarray(y)[r] for y, r in zip(samples.labels, rows, strict=True)]
    answers = [np.asarray(a)[:, r] for a, r in zip(samples.answers, rows, strict=True)]

    def judge(s: int) -> list[float]:
        rest = [k for k in range(K) if k != s]
        P = answers[s][rest]

        near, truth, known = _at(features, rest), _at(labels, rest), [answers[k][rest] for k in rest]
        results = [
            uniform_logit(P),
            agreement(P),
            domain(P, features[s], near, seed=seed),
            domain(P, features[s], near, truth, known, seed=seed),
        ]
        return [_accuracy(result.probabilities, labels[s]) for result in results]

    return np.array([judge(s) for s in range(K)])


def _at(parts: Sequence[Floats], chosen: Sequence[int]) -> list[Floats]:
    return [parts[k] for k in chosen]


def _accuracy(Q: Floats, labels: Ints) -> float:
    return float(top_shares(Q)[np.arange(len(labels)), labels].mean())
