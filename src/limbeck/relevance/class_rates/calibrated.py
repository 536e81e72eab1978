"""Class rates of unlabelled rows, calibrated on the teachers' own scenarios.

`prior.class_prior` has two signs of the class rates: what the trusted teachers say on average, which their scenarios'
rates bend, and how lopsidedly the rows' features separate high cuts from low ones, whose zero differs with language
and subject. Here every scenario plays the target at rates made by leaving rows out, answered by the other teachers:
that tells where the lopsidedness stands at even rates, and how far off both signs are. Both then meet in one posterior.

The prior of the log-odds is half a narrow peak at even rates, since tables that people collect are often balanced on
purpose, and half a wide normal. Both signs' errors have heavy tails, the teachers' Cauchy's: they can all be wrong
the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from limbeck.metrics.logits import sigmoid
from limbeck.relevance.class_rates.prior import answers_prior, asymmetry, class_prior, floored
from limbeck.relevance.distinct_teachers import near_voters
from limbeck.relevance.methods.domain import Samples
from limbeck.relevance.models import one_factor
from limbeck.relevance.probabilities import Floats, Ints, checked

_PLAYED = np.linspace(-2.2, 2.2, 7)  # log-odds that each scenario plays: rates of 0.1 to 0.9
_MOST, _LEAST, _CLASS = 600, 100, 12  # rows of a play, at most and at least, and of its rarer class
_EVEN, _PEAK, _WIDE = 0.5, 0.1, 1.5  # the prior: share and width of the peak, width of the rest
_GRID = np.linspace(-4.0, 4.0, 801)
_SURE = 0.3  # no sign is taken to be nearer than this to the truth


class Signs(NamedTuple):
    """How two signs follow the log-odds z of the class rates.

    Lopsidedness is ``centre + slope * z``, off by ``unlike`` (in z, between scenarios); the teachers' log-odds are off
    by ``bent``, a median of absolute errors.
    """

    centre: float
    slope: float
    unlike: float
    bent: float


def calibrated_prior(
    P: ArrayLike, features: Any, samples: Samples, *, scenarios: Sequence[int] | None = None, seed: int = 0
) -> Floats:
    """Return the class rates float64[C] of the target's rows, `class_prior` where scenarios cannot calibrate it.

    Parameters
    ----------
    P, features
        float[K, N, C], NaN rows abstain, and the rows' features [N, F], dense or sparse.
    samples
        Rows of each teacher's scenario with labels and all teachers' answers. Their features are made the way the
        target's are, each scenario's from its own rows, for it plays the target.
    scenarios
        Which of them play; all when None. One whose teacher is not trusted here has labels that may be wrong.
    seed
        For everything that samples.
    """
    P = checked(P)
    plain = class_prior(P, features, seed=seed)
    if P.shape[2] > 2 or len(P) < 3 or samples.labels is None or samples.answers is None:
        return plain
    signs = calibrate(samples, scenarios=scenarios, seed=seed)
    if signs is None:
        return plain
    lopsided, told = _signs(P, features, seed)
    at = (lopsided - signs.centre) / signs.slope
    log_likelihood = _student(at, signs.unlike, 3.0) + _student(told, signs.bent, 1.0)
    prior = _EVEN * _normal(_PEAK) + (1 - _EVEN) * _normal(_WIDE)
    posterior = np.exp(log_likelihood - log_likelihood.max()) * prior
    one = float(sigmoid(np.asarray((posterior @ _GRID) / posterior.sum())))
    return floored(np.array([1 - one, one]))


def calibrate(samples: Samples, *, scenarios: Sequence[int] | None = None, seed: int = 0) -> Signs | None:
    """Let every scenario play the target at several class rates; None with fewer than two that can.

    A scenario's own teacher, and whoever answers like it, does not answer there.
    """
    rng = np.random.default_rng(seed)
    plays = []
    for k in range(len(samples.features)) if scenarios is None else scenarios:
        for rows, odds in _plays(_labels(samples, k), rng):
            others = np.delete(_answers(samples, k), k, axis=0)[:, rows]
            plays.append((k, odds, len(rows), *_signs(others, _rows(samples, k, rows), seed)))
    table = np.array(plays).reshape(-1, 5)
    scenario, z, count, lopsided, told = table.T
    if len(np.unique(scenario)) < 2:
        return None
    # Lopsidedness is an area under a curve: its variance falls with the number of rows.
    slope, centre = map(float, np.polyfit(z, lopsided, 1, w=np.sqrt(count)))
    if slope <= 0:
        return None
    off = (lopsided - centre - slope * z) / slope
    means = np.array([[off[scenario == k].mean(), count[scenario == k].sum()] for k in np.unique(scenario)])
    unlike = float(np.sqrt((means[:, 0] ** 2 @ means[:, 1]) / means[:, 1].sum()))
    bent = float(np.median(np.abs(told - z)))
    return Signs(centre, slope, max(unlike, _SURE), max(bent, _SURE))


def _plays(labels: Ints, rng: np.random.Generator) -> Iterator[tuple[Ints, float]]:
    """Yield rows of a scenario, chosen so that its classes come at each of the played rates, and their log-odds."""
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    for z in _PLAYED:
        rate = float(sigmoid(np.asarray(z)))
        count = min(len(ones) / rate, len(zeros) / (1 - rate), _MOST)
        a, b = int(count * rate), int(count * (1 - rate))
        if min(a, b) >= _CLASS and a + b >= _LEAST:
            chosen = np.concatenate([rng.choice(ones, a, replace=False), rng.choice(zeros, b, replace=False)])
            yield np.sort(chosen), float(np.log(a / b))


def _signs(P: Floats, features: Any, seed: int) -> tuple[float, float]:
    """Return lopsidedness of the rows' features about the fused score, and the log-odds that the teachers tell."""
    voters = near_voters(P)
    model = one_factor.fit(voters.answers)
    rates = answers_prior(voters.answers, model)
    score = one_factor.scores(voters.answers, model)[:, 0]
    return asymmetry(features, score, seed=seed), float(np.log(rates[1] / rates[0]))


def _student(centre: float, width: float, freedom: float) -> Floats:
    """Return the log-density of Student's t about a sign, up to a constant: tails for scenarios like no other."""
    return np.asarray(-0.5 * (freedom + 1) * np.log1p(((_GRID - centre) / width) ** 2 / freedom))


def _normal(width: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (_GRID / width) ** 2) / width)


def _labels(samples: Samples, k: int) -> Ints:
    assert samples.labels is not None
    return np.asarray(samples.labels[k], dtype=np.int64)


def _answers(samples: Samples, k: int) -> Floats:
    assert samples.answers is not None
    return np.asarray(samples.answers[k])


def _rows(samples: Samples, k: int, rows: Ints) -> Any:
    features: Any = samples.features[k]
    return features[rows]
