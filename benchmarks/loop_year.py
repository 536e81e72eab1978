"""A simulated year of the loop: reviews of other domains come in, people review 200 a week, better students are published.

Half of the domains are known at first; from week 10 to week 30 the others take their place. Each week 1,000 reviews come
in and 200 of them are reviewed as the queue has them, a fifth of those as the random audit. Every four weeks a candidate
learns from all that was reviewed, audits left out, and it is published as soon as automatic promotion would do so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.loop_rows import Texts, figure, logistic
from limbeck.monitoring.choose import RANDOM_SHARE, choose
from limbeck.monitoring.verdict import BETTER, verdict

WEEKS, EVERY, FIRST, LAST = 52, 4, 10, 30  # weeks of the year, between candidates, and in which the domains change
INCOMING, REVIEWED, START = 1000, 200, 4000
ROWS = 200  # audited rows that automatic promotion asks for
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Year:
    """Accuracy at first, at the end with and without the loop, and the gain of each version that was published."""

    first: float
    untouched: float
    last: float
    gains: list[float]


def years(texts: Texts, seeds: int, weeks: int = WEEKS) -> list[Figure]:
    """Return how much of the accuracy that the change of domains costs is won back, and how many worse models got in."""
    found = [year(texts, seed, weeks) for seed in range(seeds)]
    lost = np.array([100 * (one.first - one.untouched) for one in found])
    back = np.array([100 * (one.last - one.untouched) for one in found])
    gains = [gain for one in found for gain in one.gains]
    share = 100 * back.mean() / lost.mean()
    spread = 100 * (back - share / 100 * lost).std(ddof=1) / abs(lost.mean()) if seeds > 1 else 0.0
    note = (
        f"{seeds} seeds, each with other domains: the first model falls by {lost.mean():.1f} points and the loop wins back "
        f"{back.mean():.1f} (means); ± is the standard deviation of a seed. Students are linear models of hashed n-grams."
    )
    worst = f"{len(gains)} versions were published; on all test rows of their week's mix the least gain is {100 * min(gains, default=0.0):+.1f} points."
    worse = float(sum(gain < 0 for gain in gains))
    return [
        figure("a simulated year: share of the lost accuracy that is won back", [share], "%", floor=80.0, note=f"{note} ± {spread:.0f}."),
        figure("a simulated year: worse models published", [worse], "", "lower", floor=0.0, note=worst),
    ]  # fmt: skip


def year(texts: Texts, seed: int, weeks: int) -> Year:
    """Simulate one year."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(texts.domains))
    old = np.isin(texts.domains, names[: len(names) // 2])
    pool, test = texts.split == "train", np.flatnonzero(texts.split == "test")
    start = rng.choice(np.flatnonzero(pool & old), min(START, int((pool & old).sum()) // 2), replace=False)
    seen = ~pool
    seen[start] = True
    learned, audited, reviewed = start, np.empty(0, dtype=np.int64), 0
    current = first = logistic(texts.bags[start], texts.labels[start])
    candidate: Any = None
    gains = []
    for week in range(weeks):
        new = float(np.clip((week - FIRST * weeks / WEEKS) / ((LAST - FIRST) * weeks / WEEKS), 0, 1))
        rows = incoming(~seen & old, ~seen & ~old, new, rng)
        wanted = min(REVIEWED, len(rows) // 2)
        p = current.predict_proba(texts.bags[rows])
        at_random = rng.choice(len(rows), round(RANDOM_SHARE * wanted), replace=False)
        rest = np.setdiff1d(np.arange(len(rows)), at_random)
        queue = choose(
            wanted - len(at_random), p=p[rest], vectors=texts.vectors[rows[rest]], reviewed=reviewed, random_share=0.0,
            seed=1000 * seed + week,
        ).rows  # fmt: skip
        audited, learned = np.r_[audited, rows[at_random]], np.r_[learned, rows[rest[queue]]]
        seen[rows[at_random]] = seen[rows[rest[queue]]] = True
        reviewed += wanted
        if week % EVERY == EVERY - 1:
            candidate = logistic(texts.bags[learned], texts.labels[learned])
        if candidate is not None and is_better(texts, audited, current, candidate, rows):
            mix = np.where(old[test], 1 - new, new)
            gains.append(accuracy(texts, candidate, test, mix) - accuracy(texts, current, test, mix))
            current, candidate = candidate, None
    before, after = old[test].astype(float), (~old[test]).astype(float)
    return Year(
        accuracy(texts, first, test, before), *(accuracy(texts, one, test, after) for one in (first, current)), gains
    )


def incoming(old: NDArray[np.bool_], new: NDArray[np.bool_], share: float, rng: np.random.Generator) -> Rows:
    """Return the rows of a week, ``share`` of them from the new domains; fewer where not so many are left."""
    counts = ((old, round((1 - share) * INCOMING)), (new, round(share * INCOMING)))
    parts = [rng.choice(np.flatnonzero(of), min(count, int(of.sum())), replace=False) for of, count in counts]
    return rng.permutation(np.concatenate(parts))


def is_better(texts: Texts, audited: Rows, current: Any, candidate: Any, rows: Rows) -> bool:
    """Whether automatic promotion publishes the candidate; the rows of the week tell how often the two differ."""
    a, b = (model.predict(texts.bags[audited]) for model in (current, candidate))
    apart = (current.predict(texts.bags[rows]) != candidate.predict(texts.bags[rows])).mean()
    return verdict(texts.labels[audited], a, b, disagreement=float(apart)).state == BETTER and len(audited) >= ROWS


def accuracy(texts: Texts, model: Any, rows: Rows, weights: NDArray[np.float64]) -> float:
    """Return the accuracy on rows with weights."""
    return float(np.average(model.predict(texts.bags[rows]) == texts.labels[rows], weights=weights))
