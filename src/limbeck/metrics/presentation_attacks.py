"""Presentation attack detection, by ISO/IEC 30107-3: which attacks pass, and which live ones do not.

Two errors, never mixed: an attack presentation taken for bona fide, counted for each species of attack instrument
(photo, screen, mask, …) by itself, because a detector is as good as against the attack that beats it best; and a bona
fide presentation taken for an attack. Clause 13 of the 2017 edition: APCER of a species (equation 1), BPCER (equation
2), and BPCER where the worst species' APCER is 1 % ("BPCER100"). ACER, the mean of the worst APCER and BPCER, left the
standard in 2023 and stays in every table of the literature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import LimbeckError
from limbeck.metrics import bootstrap as summary
from limbeck.metrics import exact_tests as exact
from limbeck.metrics.curves import Floats, ratio
from limbeck.metrics.measure import checked, decide

LEVEL = 0.01
RATES = ("apcer", "bpcer", "acer", "bpcer_at_apcer_1")
_SLACK = 1e-9  # sums of weights are not exact


class _Part(NamedTuple):
    """The rows of one species, or the bona fide ones, sorted by rising attack score."""

    rows: NDArray[np.int64]
    scores: Floats
    errors: NDArray[np.bool_]  # attacks taken for bona fide; bona fide taken for attacks


class Presentations:
    """Rows told apart by what was presented; rates of them as functions of row weights.

    Parameters
    ----------
    y, p, decided
        Labels int64[N], probabilities float[N, 2] and decided classes int64[N].
    bona_fide
        Index of the class of live presentations; the other one is the attacks.
    positive
        The class whose probability the threshold cuts.
    species
        Name of each row's attack instrument, N of them; those of bona fide rows are not looked at.
    """

    def __init__(
        self, y: NDArray[np.int64], p: Floats, decided: NDArray[np.int64], bona_fide: int, positive: int,
        species: Sequence[str],
    ) -> None:  # fmt: skip
        # Higher is more of an attack. It is the positive class's own number, so that a cut of it is a threshold.
        self.sign = -1.0 if positive == bona_fide else 1.0
        score = self.sign * p[:, positive].astype(np.float64)
        wrong, live = decided != y, y == bona_fide

        def part(member: NDArray[np.bool_]) -> _Part:
            rows = np.flatnonzero(member)
            rows = rows[np.argsort(score[rows], kind="stable")]
            return _Part(rows, score[rows], wrong[rows])

        names = np.array([str(name) for name in species], dtype=object)
        self.live = part(live)
        self.attacks = {str(name): part(~live & (names == name)) for name in sorted(set(names[~live].tolist()))}
        self.scores = np.unique(score)

    def rates(self, weights: Floats) -> dict[str, Floats]:
        """Return ``apcer``, ``bpcer``, ``acer``, ``bpcer_at_apcer_1``, and the APCERs of species, for float[B, N].

        Each is float[B], and float[S, B] of the species under ``species``; NaN where nothing of the kind was presented.
        """
        each = [_share(part, weights) for part in self.attacks.values()]
        species = np.stack(each) if each else np.full((1, len(weights)), np.nan)
        worst = np.where(np.isfinite(species), species, -1.0).max(axis=0)
        worst = np.where(worst < 0, np.nan, worst)
        bpcer = _share(self.live, weights)
        limit = self.limit(weights, LEVEL)
        strict = self._refused(limit, weights)
        return {
            "apcer": worst,
            "bpcer": bpcer,
            "acer": (worst + bpcer) / 2,
            "bpcer_at_apcer_1": np.where(np.isfinite(limit), strict, np.nan),
            "species": species[: len(self.attacks)],
        }

    def limit(self, weights: Floats, level: float) -> Floats:
        """Return the attack score float[B] from which on all must be refused for every APCER to be at most ``level``.

        It is the lowest over the species of the first score whose acceptance would take too many; NaN without attacks.
        """
        limits = np.full((max(len(self.attacks), 1), len(weights)), np.nan)
        for at, part in enumerate(self.attacks.values()):
            weight = np.take(weights, part.rows, axis=1)
            total = weight.sum(axis=1)
            accepted = np.cumsum(weight, axis=1)
            # Rows of equal score fall together: up to the first row too many is accepted only what lies below it.
            over = accepted > level * total[:, None] + _SLACK * (1 + total[:, None])
            limits[at] = np.where(total > 0, part.scores[over.argmax(axis=1)], np.nan)
        lowest = np.where(np.isfinite(limits), limits, np.inf).min(axis=0)
        return np.asarray(np.where(np.isfinite(lowest), lowest, np.nan))

    def _refused(self, limit: Floats, weights: Floats) -> Floats:
        """Return the weighted share float[B] of bona fide rows at or above the limit float[B]."""
        part = self.live
        if not len(part.rows):
            return np.full(len(weights), np.nan)
        weight = np.take(weights, part.rows, axis=1)
        below = np.searchsorted(part.scores, limit, side="left")
        passed = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weight, axis=1)], axis=1)
        total = passed[:, -1]
        return ratio(total - np.take_along_axis(passed, below[:, None], axis=1)[:, 0], total)

    def threshold(self, limit: float) -> float:
        """Return the threshold of the positive class's probability that refuses from ``limit`` on, nothing below.

        It lies half-way to the next score that is accepted, or to the end of the scale where none is.
        """
        lower = self.scores[self.scores < limit]
        if self.sign > 0:  # an attack where p >= threshold
            low = float(lower[-1]) if len(lower) else min(0.0, limit)
            return _between(low, limit)
        refused = -limit  # bona fide where p >= threshold
        if len(lower):
            return _between(refused, -float(lower[-1]))
        return _between(refused, 1.0) if refused < 1.0 else float(np.nextafter(np.float32(refused), np.float32(2)))


def measure_liveness(
    y: ArrayLike,
    p: ArrayLike,
    classes: Sequence[str],
    *,
    bona_fide: int,
    positive: int = 1,
    threshold: float = 0.5,
    species: Sequence[str] | None = None,
    bootstrap: int = 1000,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the rates of ISO/IEC 30107-3 for p float[N, 2] on y int64[N], with 95 % intervals.

    Parameters
    ----------
    bona_fide, positive
        Indices of the class of live presentations, and of the class that the threshold is about.
    species
        Name of each row's attack instrument; None: all attacks are one, called as their class.
    bootstrap, groups, seed
        As for `limbeck.metrics.measure.measure`.

    Returns
    -------
    dict
        ``apcer`` (of the worst species), ``apcer_species`` (its name), ``apcer_by_species``, ``bpcer``, ``acer``;
        ``bpcer_at_apcer_1`` with ``threshold_at_apcer_1``, the threshold at which the worst species' APCER on *these*
        rows is at most 1 %: a point of their curve, not what the threshold in use does; ``presentations``, the rows of
        each species and, under ``bona_fide_presentations``, of bona fide; ``confidence_intervals``. A rate of what was
        not presented is None.

    Raises
    ------
    LimbeckError
        When there are not two classes, or shapes do not fit.
    """
    y, p = checked(y, p, len(classes))
    if len(classes) != 2 or bona_fide not in (0, 1):
        raise LimbeckError(f"presentation attack detection has two classes, here are {len(classes)}")
    named = [classes[1 - bona_fide]] * len(y) if species is None else species
    if len(named) != len(y):
        raise LimbeckError(f"{len(named)} species for {len(y)} rows")
    rows = Presentations(y, p, decide(p, threshold, positive), bona_fide, positive, named)
    whole = np.ones((1, len(y)))
    point = rows.rates(whole)
    by_species = dict(zip(rows.attacks, point["species"][:, 0].tolist(), strict=True))
    limit = float(rows.limit(whole, LEVEL)[0])
    return {
        **{name: _known(point[name][0]) for name in RATES},
        "apcer_by_species": by_species,
        "apcer_species": max(by_species, key=by_species.__getitem__) if by_species else None,
        "threshold_at_apcer_1": rows.threshold(limit) if np.isfinite(limit) else None,
        "presentations": {name: len(part.rows) for name, part in rows.attacks.items()},
        "bona_fide_presentations": len(rows.live.rows),
        "bona_fide": classes[bona_fide],
        "confidence_intervals": _intervals(rows, point, bootstrap, groups, seed, len(y)),
    }


def threshold_at_apcer(
    y: ArrayLike,
    p: ArrayLike,
    level: float,
    *,
    bona_fide: int,
    positive: int = 1,
    species: Sequence[str] | None = None,
) -> float:
    """Return the threshold that refuses the fewest bona fide rows while every species' APCER is at most ``level``.

    y int64[N], p float[N, 2]: rows of ``valid``. On other rows the APCER will be about ``level``, not surely below it;
    with fewer than 1 / level attacks of a species none of them may pass here. Without attacks it is 0.5.
    """
    y, p = checked(y, p, 2)
    named = ["attack"] * len(y) if species is None else species
    rows = Presentations(y, p, decide(p, 0.5, positive), bona_fide, positive, named)
    limit = float(rows.limit(np.ones((1, len(y))), level)[0])
    return rows.threshold(limit) if np.isfinite(limit) else 0.5


def _share(part: _Part, weights: Floats) -> Floats:
    """Return the weighted share float[B] of errors among the rows of a part."""
    weight = np.take(weights, part.rows, axis=1)
    return ratio(weight @ part.errors.astype(np.float64), weight.sum(axis=1))


def _intervals(
    rows: Presentations, point: dict[str, Floats], size: int, groups: ArrayLike | None, seed: int, n: int
) -> dict[str, Any]:
    if size <= 0 or not n:
        return {}
    drawn = [rows.rates(weights) for weights in summary.resamples(n, groups, size, seed)]
    units = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    found: dict[str, Any] = {}
    for name in RATES:
        values = np.concatenate([one[name] for one in drawn])
        span = summary.interval(values) if np.isfinite(point[name][0]) else None
        if span is not None and name in ("apcer", "acer"):
            # The largest of several noisy rates grows with the noise, which resampling adds once more: take that back.
            excess = float(np.nanmean(values) - point[name][0])
            span = [min(max(end - excess, 0.0), 1.0) for end in span]
        if span is not None:
            found[name] = span
    each = np.concatenate([one["species"] for one in drawn], axis=1)
    spans = {name: summary.interval(values) for name, values in zip(rows.attacks, each, strict=True)}
    by_species = {
        name: _with_none_wrong(spans[name], float(rate), units[part.rows])
        for (name, part), rate in zip(rows.attacks.items(), point["species"][:, 0], strict=True)
    }
    for name in ("bpcer", "bpcer_at_apcer_1"):
        if name in found:
            found[name] = _with_none_wrong(found[name], float(point[name][0]), units[rows.live.rows])
    sure = [float(point[name][0]) in (0.0, 1.0) for name in ("apcer", "bpcer")]
    if by_species and sure[0]:
        found["apcer"] = [max(span[end] for span in by_species.values()) for end in (0, 1)]
    if any(sure) and {"apcer", "bpcer", "acer"} <= set(found):
        # Ends that need not fall together: wider than it had to be, where resampling would be too narrow.
        found["acer"] = [(found["apcer"][end] + found["bpcer"][end]) / 2 for end in (0, 1)]
    return found | ({"apcer_by_species": by_species} if by_species else {})


def _with_none_wrong(span: list[float] | None, rate: float, units: NDArray[np.int64]) -> list[float]:
    """Return an interval, by Wilson's formula over independent units where resampling can tell nothing."""
    count = len(np.unique(units))
    return exact.unless_sure(span, rate, count) or list(exact.wilson(round(rate * count), count))


def _between(low: float, high: float) -> float:
    """Return a number above ``low`` and at most ``high``, the middle where single precision can tell it from both."""
    middle = (low + high) / 2
    return middle if low < float(np.float32(middle)) <= high and low < middle else high


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
