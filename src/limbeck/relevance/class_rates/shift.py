"""Class rates of unlabelled rows under label shift, by a model of how far such estimates are off between scenarios.

Two signs of the rates are read. What calibrated scores say: EM of Saerens, Latinne & Decaestecker 2002 on likelihood
ratios, which is right as far as scores mean the same in the new scenario (label shift: Lipton et al. 2018, assumption
A.1). And, for two classes, how lopsidedly the rows' own features separate high cuts of the score from low ones (see
`limbeck.relevance.class_rates.prior.asymmetry`), which needs no scores that mean the same. How far each is off is
measured by replaying the known scenarios at several class rates; both meet in one posterior under a uniform prior of
the rate, so that nothing pulls towards even rates. Its quantiles are the interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from limbeck.metrics.fitted.logistic_fit import even_weights
from limbeck.metrics.logits import sigmoid, softmax
from limbeck.relevance.class_rates.prior import asymmetry, shifted_rates
from limbeck.relevance.models.logistic import minimise
from limbeck.relevance.probabilities import Floats, Ints
from limbeck.relevance.replay.scene import Scores, at_rate

PLAYED = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)  # rates at which known scenarios are replayed
_MOST = 600  # rows of a replay
_LEAST_ERROR = 0.2  # log-odds: no sign is taken to be nearer to the truth than this
_UNKNOWN = 1.0  # log-odds that EM is off by where no scenario tells
_GRID = np.linspace(-5.0, 5.0, 1001)
_DRAWS, _FEW = 50, 20  # bootstrap samples for an interval, and for one standard deviation
_CELLS = 200_000  # probabilities of bootstrap samples that are held at once
_DOUBTS = (0.0, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Rates:
    """Class rates float64[C] and their 95 % interval, each float64[C]."""

    rates: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ShiftModel:
    """How scores and features tell class rates.

    Attributes
    ----------
    slope, offset
        Of the scores: ``softmax(slope * scores + offset)`` are probabilities at even class rates; float and float64[C].
    bent
        By how much EM is off between scenarios, in log-odds.
    second, doubt
        Slope and offset of other scores of the same rows; where their EM differs by d log-odds, EM is off by
        ``hypot(bent, doubt * d)``: a scenario on which two ways of joining disagree is unlike the known ones.
    centre, rise, unlike, noise
        Lopsidedness is ``centre + rise * log-odds``; in log-odds it is off by ``unlike`` between scenarios, and within
        one by ``noise / sqrt(rows)``. ``rise`` is 0 where it tells nothing.
    """

    slope: float
    offset: Floats
    bent: float = _UNKNOWN
    second: tuple[float, Floats] | None = None
    doubt: float = 0.0
    centre: float = 0.0
    rise: float = 0.0
    unlike: float = 1.0
    noise: float = 0.0

    def even(self, scores: Scores) -> Floats:
        """Return probabilities float64[M, C] as of even class rates."""
        return _even(scores, self.slope, self.offset)

    def estimate(self, scores: Scores, features: Any = None, others: Scores | None = None, *, seed: int = 0) -> Rates:
        """Return the class rates of rows with scores float64[M, C].

        Features [M, F] and ``others``, scores of a second way of joining, are used where the model knows them.
        """
        even = self.even(scores)
        C = even.shape[1]
        found = _em(even)
        if C > 2:
            return self._of_many(even, found, seed)
        log_density = np.log(sigmoid(_GRID)) + np.log(sigmoid(-_GRID))  # uniform in the rate
        apart = 0.0
        if others is not None and self.second is not None:
            apart = abs(_odds(found[1]) - _odds(_em(_even(others, *self.second))[1]))
        width = float(np.sqrt(self.bent**2 + (self.doubt * apart) ** 2 + _row_error(even, seed) ** 2))
        log_density = log_density + _student(_odds(found[1]), width, 2.0)
        if features is not None and self.rise > 0:
            seen = (asymmetry(features, _difference(scores), seed=seed) - self.centre) / self.rise
            count = min(len(scores), 2000)
            log_density = log_density + _student(seen, np.hypot(self.unlike, self.noise / np.sqrt(count)), 3.0)
        density = np.exp(log_density - log_density.max())
        low, middle, high = sigmoid(np.interp([0.025, 0.5, 0.975], np.cumsum(density) / density.sum(), _GRID))
        return Rates(np.array([1 - middle, middle]), np.array([1 - high, low]), np.array([1 - low, high]))

    def _of_many(self, even: Floats, found: Floats, seed: int) -> Rates:
        """Bootstrap rows, and bend each class's log-odds by as much as EM was off between scenarios."""
        rng = np.random.default_rng(seed)
        draws = []
        for again in _resampled(even, _DRAWS, rng):
            bent = np.log(np.maximum(again, 1e-6)) + rng.normal(0, self.bent, len(found))
            draws.append(softmax(bent))
        low, high = np.quantile(draws, [0.025, 0.975], axis=0)
        return Rates(found, np.minimum(low, found), np.maximum(high, found))


def cut_at(scores: Scores, slope: float, rates: Floats) -> Floats:
    """Return probabilities float64[M, C] whose mean is the class rates; the scores' own zero is not used.

    The mean of calibrated probabilities is the class rate, so the offsets under which it is are the scenario's own.
    """
    z = slope * scores
    shift = np.log(np.clip(rates, 1e-4, None))
    for _ in range(200):
        mean = softmax(z + shift).mean(axis=0)
        step = np.log(np.clip(rates, 1e-4, None)) - np.log(np.maximum(mean, 1e-9))
        shift = shift + step
        if np.abs(step).max() < 1e-6:
            break
    return softmax(z + shift)


def calibrate(scores: Sequence[Scores], labels: Sequence[Ints]) -> tuple[float, Floats]:
    """Return slope and offset of scores of known scenarios, each scenario and in it each class counting alike.

    Each scenario has offsets of its own while the slope is fitted, as the zero of scores differs between scenarios;
    the offset is then the median of theirs.
    """
    C = scores[0].shape[1]
    truth = [np.eye(C)[own] for own in labels]
    weight = [even_weights(own, C) / len(own) for own in labels]

    def loss(v: Floats) -> tuple[float, Floats]:
        slope, shifts = np.exp(v[0]), v[1:].reshape(len(scores), C)
        value, by_slope, by_shift = 0.005 * float(shifts.ravel() @ shifts.ravel()), 0.0, 0.01 * shifts
        for k, (z, y, w) in enumerate(zip(scores, truth, weight, strict=True)):
            q = softmax(slope * z + shifts[k])
            value -= float((w * np.log(np.maximum((q * y).sum(axis=1), 1e-12))).sum())
            pull = w[:, None] * (q - y)
            by_slope += float((pull * z).sum()) * slope
            by_shift[k] += pull.sum(axis=0)
        return value, np.append(by_slope, by_shift.ravel())

    found = minimise(loss, np.zeros(1 + len(scores) * C))
    shifts = found[1:].reshape(len(scores), C)
    return float(np.exp(np.clip(found[0], -4, 4))), np.median(shifts - shifts.mean(axis=1, keepdims=True), axis=0)


def learn(
    scores: Sequence[Scores],
    labels: Sequence[Ints],
    features: Sequence[Any] | None = None,
    others: Sequence[Scores] | None = None,
    *,
    seed: int = 0,
) -> ShiftModel:
    """Return the model that known scenarios teach: their scores float64[M_k, C], labels and features by scenario.

    ``others`` are scores of a second way of joining, whose distance tells how far to doubt the first.
    """
    slope, offset = calibrate(scores, labels)
    plain = ShiftModel(slope, offset)
    C = scores[0].shape[1]
    rng = np.random.default_rng(seed)
    second = calibrate(others, labels) if others is not None and C == 2 else None
    plays = []
    for k, (z, own) in enumerate(zip(scores, labels, strict=True)):
        for rate in PLAYED if C == 2 else (None,):
            rows = np.arange(len(own)) if rate is None else at_rate(own, rate, _MOST, rng)
            if not len(rows):
                continue
            true = np.bincount(own[rows], minlength=C) / len(rows)
            off = np.log(np.maximum(_em(plain.even(z[rows])), 1e-2)) - np.log(np.maximum(true, 1e-2))
            error = off[1] - off[0] if C == 2 else float(np.sqrt(np.mean(off**2)))
            lopsided = np.nan
            if C == 2 and features is not None:
                lopsided = asymmetry(features[k][rows], _difference(z[rows]), seed=seed)
            apart = 0.0
            if second is not None and others is not None:
                apart = abs(error + _odds(true[1]) - _odds(_em(_even(others[k][rows], *second))[1]))
            plays.append((k, _odds(true[1]), len(rows), error, lopsided, apart))
    if not plays:
        return plain
    table = np.array(plays, dtype=np.float64)
    which = np.unique(table[:, 0])
    errors = np.array([np.median(table[table[:, 0] == k, 3]) for k in which])
    bent = max(_spread(errors) if len(which) > 1 else _UNKNOWN, _LEAST_ERROR)
    model = ShiftModel(slope, offset, bent, second)
    if second is not None and len(which) > 2:
        sure, doubt = _doubt(table, which, bent)
        model = replace(model, bent=sure, doubt=doubt)
    return model if np.isnan(table[:, 4]).any() or len(which) < 2 else _with_lopsidedness(model, table, which)


def _with_lopsidedness(model: ShiftModel, table: Floats, which: Floats) -> ShiftModel:
    scenario, z, count, _, lopsided, _ = table.T
    rise, _ = map(float, np.polyfit(z, lopsided, 1, w=np.sqrt(count)))
    if rise <= 0:
        return model
    rest = lopsided - rise * z
    means = np.array([np.median(rest[scenario == k]) for k in which])
    centre = float(np.median(means))
    each = [(rest[scenario == k] - np.median(rest[scenario == k])) * np.sqrt(count[scenario == k]) for k in which]
    noise = float(np.concatenate(each).std()) / rise
    # The scenarios' medians vary by the noise of their rows as well; the variance of a median is pi / 2 of a mean's.
    of_rows = np.pi / 2 * noise**2 * float(np.mean([1 / count[scenario == k].sum() for k in which]))
    unlike = max(float(np.sqrt(max((_spread(means - centre) / rise) ** 2 - of_rows, 0))), _LEAST_ERROR)
    return replace(model, centre=centre, rise=rise, unlike=unlike, noise=noise)


def _doubt(table: Floats, which: Floats, bent: float) -> tuple[float, float]:
    """Return the likeliest ``bent`` and ``doubt`` of EM's errors under Student's t, each scenario counting alike."""
    error, apart = table[:, 3], table[:, 5]
    weight = np.array([1 / (table[:, 0] == k).sum() for k in table[:, 0]])
    best, found = -np.inf, (bent, 0.0)
    for doubt in _DOUBTS:
        for base in bent * np.array([0.5, 0.7, 1.0, 1.4]):
            width = np.sqrt(max(base, _LEAST_ERROR) ** 2 + (doubt * apart) ** 2)
            likely = float((weight * (-np.log(width) - 1.5 * np.log1p((error / width) ** 2 / 2))).sum()) / len(which)
            if likely > best + 1e-9:
                best, found = likely, (max(float(base), _LEAST_ERROR), doubt)
    return found


def _spread(errors: Floats) -> float:
    """Return a standard deviation about zero that one outlier of many does not make: see Rousseeuw & Croux 1993.

    Of few scenarios an outlier is no outlier, so the root mean square counts in proportion.
    """
    plain = float(np.sqrt(np.mean(errors**2)))
    robust = 1.4826 * float(np.median(np.abs(errors)))
    share = min(len(errors) / 10, 1.0)
    return float(np.sqrt(share * robust**2 + (1 - share) * plain**2)) if robust < plain else plain


def _even(scores: Scores, slope: float, offset: Floats) -> Floats:
    return softmax(slope * scores + offset)


def _em(even: Floats) -> Floats:
    """Return class rates float64[..., C] of samples float64[..., M, C]."""
    C = even.shape[-1]
    return shifted_rates(even, np.full(C, 1 / C))


def _row_error(even: Floats, seed: int) -> float:
    """Return the bootstrap standard deviation of EM's log-odds over rows."""
    draws = _resampled(even, _FEW, np.random.default_rng(seed))
    return float(np.std([_odds(rate) for rate in draws[:, 1]]))


def _resampled(even: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return EM's class rates float64[count, C] of bootstrap samples of the rows, as many at once as are small."""
    n, at_once = len(even), max(_CELLS // max(even.size, 1), 1)
    sizes = [min(at_once, count - at) for at in range(0, count, at_once)]
    return np.concatenate([_em(even[rng.integers(0, n, (size, n))]) for size in sizes])


def _student(centre: float, width: float, freedom: float) -> Floats:
    """Return the log-density of Student's t about a sign, up to a constant: tails for scenarios like no other."""
    return np.asarray(-0.5 * (freedom + 1) * np.log1p(((_GRID - centre) / width) ** 2 / freedom))


def _difference(scores: Scores) -> Floats:
    return np.asarray(scores[:, 1] - scores[:, 0])


def _odds(rate: float) -> float:
    rate = min(max(float(rate), 0.01), 0.99)
    return float(np.log(rate / (1 - rate)))
