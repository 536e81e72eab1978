"""Simulations of verdicts and of audits, where the truth has to be known."""

from __future__ import annotations

import numpy as np

from benchmarks.figures import Figure
from benchmarks.loop_rows import figure
from limbeck.monitoring.audit import audited_share, chances
from limbeck.monitoring.verdict import BETTER, OPEN, Verdict, verdict


def verdicts(candidates: int) -> list[Figure]:
    """Simulate candidates; the verdict on each is computed again after every 50 audited rows, up to the number first asked for."""
    rng = np.random.default_rng(0)
    false, detected, asked = [], [], []
    for number in range(candidates):
        gain = 0.02 if number % 2 else rng.choice([0.0, -0.01, -0.02])
        apart = rng.uniform(0.04, 0.10)
        shadow = rng.binomial(2000, apart) / 2000  # answers that both gave without labels
        case = rng.choice(3, size=60_000, p=[1 - apart, (apart + gain) / 2, (apart - gain) / 2])
        first, rows = 100, 100
        found = verdict_of(case[:first], shadow)
        wanted = first + (found.more or 0)
        while found.state == OPEN and rows < wanted:
            rows = min(rows + 50, wanted)
            found = verdict_of(case[:rows], shadow)
        if gain > 0:
            detected.append(float(found.state == BETTER))
            asked.append(float(wanted))
        else:
            # Three times as many looks must not promote it either.
            for rows in range(wanted, 3 * wanted, 50):
                found = verdict_of(case[:rows], shadow) if found.state == OPEN else found
            false.append(float(found.state == BETTER))
    note = f"{candidates} simulated candidates that answer 4 to 10 % of rows differently, looked at after every 50 audited rows; those that are no better for three times as long as asked."
    asks = f"{np.median(asked):.0f} audited rows asked for (median), of which only those answered differently need a review."
    return [
        figure("verdict: candidates that are equal or worse, ever found better", [100 * float(np.mean(false))], "%", "lower", floor=5.0, note=note),
        figure("verdict: candidates better by 2 points found better within the rows asked for", [100 * float(np.mean(detected))], "%", floor=80.0, note=asks),
    ]  # fmt: skip


def verdict_of(case: np.ndarray, shadow: float) -> Verdict:
    """Return the verdict on rows of which both are right (0), only the candidate (1) or only the current one (2)."""
    return verdict(np.ones(len(case)), np.where(case == 1, 0, 1), np.where(case == 2, 0, 1), disagreement=shadow)


def audits(projects: int) -> list[Figure]:
    """Simulate projects whose queue shows doubtful rows first, with a random part."""
    rng = np.random.default_rng(0)
    inside, naive = [], []
    for _ in range(projects):
        rows = int(rng.integers(1000, 20_000))
        confidence = rng.beta(rng.uniform(2, 8), 1, size=rows)
        right = rng.random(rows) < 0.4 + 0.58 * confidence
        reviewed = int(rng.integers(150, 900))
        chosen, drawn = np.zeros((2, rows), dtype=bool)
        drawn[rng.choice(rows, max(reviewed // 5, 30), replace=False)] = True
        chosen[np.argsort(confidence, kind="stable")[: reviewed - reviewed // 5]] = True
        seen = np.flatnonzero(chosen | drawn)
        kept, probability = chances(drawn[seen], chosen[seen], rows)
        found = audited_share(right[seen][kept], probability)
        inside.append(float(found.low <= right.mean() <= found.high))
        naive.append(100 * abs(float(right[seen].mean() - right.mean())))
    note = f"{projects} simulated projects; the share of right answers among all reviewed rows is off by {np.mean(naive):.1f} points on average."
    return [figure("audited accuracy: 95 % intervals that cover the truth", [100 * float(np.mean(inside))], "%", floor=92.0, note=note + " The aim is 92 to 98 %.")]  # fmt: skip
