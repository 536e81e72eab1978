"""Replays of the reviews and the accounts: suspected labels, and what to review next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.figures import Figure
from benchmarks.loop_rows import Accounts, Texts, figure, logistic, trees
from limbeck.monitoring.choose import choose
from limbeck.monitoring.label_errors import out_of_fold, suspects

POOL, TEST = 6000, 6000  # rows of a replay
STEPS = (50, 100, 150, 200, 250, 350, 500, 600, 800, 1000)  # reviewed rows
SEEDS = 10


def label_errors(texts: Texts, accounts: Accounts, quick: bool) -> list[Figure]:
    """Flip 5 % of labels and look for them among as many suspects."""
    out = []
    for name, cells, labels, fit in (
        ("texts", texts.bags, texts.labels, logistic),
        ("tables", accounts.cells, accounts.labels, trees),
    ):
        if quick and name == "tables":
            continue
        rows = min(400 if quick else 8000, len(labels))
        found = [flipped_among_suspects(cells, labels, fit, rows, seed) for seed in range(1 if quick else 3)]
        note = f"{rows} rows, 5 % of labels flipped; of as many suspects as were flipped."
        out.append(figure(f"suspected labels, {name}: precision among the first", found, "", floor=0.6, note=note))
    return out


def flipped_among_suspects(cells: Any, labels: np.ndarray, fit: Callable[..., Any], count: int, seed: int) -> float:
    """Flip 5 % of the labels of ``count`` rows; return which share of as many suspects was flipped."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(labels), count, replace=False)
    given = labels[rows].copy()
    flipped = rng.choice(count, count // 20, replace=False)
    given[flipped] = 1 - given[flipped]

    def answers(learned: np.ndarray, asked: np.ndarray) -> Any:
        return fit(cells[rows[learned]], given[learned]).predict_proba(cells[rows[asked]])

    p = out_of_fold(given, answers, classes=2, seed=seed)
    first = [one.row for one in suspects(given, p, most=len(flipped))]
    return len(set(first) & set(flipped.tolist())) / len(flipped)


def queues(texts: Texts, accounts: Accounts, quick: bool) -> list[Figure]:
    """Replay the queue with its defaults against random review, paired by seed."""
    z = np.sign(accounts.cells) * np.log1p(np.abs(accounts.cells))
    z = np.nan_to_num((z - np.nanmean(z, axis=0)) / (np.nanstd(z, axis=0) + 1e-9))
    out = []
    for name, cells, vectors, labels, fit in (
        ("reviews", texts.bags, texts.vectors, texts.labels, logistic),
        ("accounts", accounts.cells, z, accounts.labels, trees),
    ):
        if quick and name == "accounts":
            continue
        steps = STEPS[:3] if quick else STEPS
        gains = []
        for seed in range(1 if quick else SEEDS):
            rng = np.random.default_rng(seed)
            rows = rng.permutation(len(labels))
            pool, test = rows[: min(POOL, len(rows) // 2)], rows[len(rows) // 2 :][:TEST]
            start = first_rows(labels[pool], steps[0], rng)
            arms = [
                replay(cells, vectors, labels, fit, pool, test, start, steps, seed, queue) for queue in (True, False)
            ]
            gains.append(100 * (np.array(arms[0]) - np.array(arms[1])))
        gain = np.array(gains)  # [seeds, steps]
        mean = gain.mean(axis=0)
        shown = ", ".join(f"{step}: {value:+.1f}" for step, value in zip(steps, mean, strict=True))
        late = [at for at, step in enumerate(steps) if 500 < step <= 1000] or [len(steps) - 1]
        early = [at for at, step in enumerate(steps) if step >= 100]
        worst = early[int(np.argmin(mean[early]))]
        out.append(
            figure(
                f"queue against random review, {name}: gain in accuracy at 600 to 1,000 reviewed rows",
                gain[:, late].mean(axis=1).tolist(),
                "points",
                floor=1.0,
                note=f"gain by reviewed rows: {shown}.",
            )
        )
        out.append(
            figure(
                f"queue against random review, {name}: least gain from 100 reviewed rows on",
                gain[:, worst].tolist(),
                "points",
                floor=-0.5,
                note=f"at {steps[worst]} reviewed rows.",
            )
        )
    return out


def first_rows(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows drawn at random that hold both classes."""
    while True:
        rows = rng.choice(len(labels), count, replace=False)
        if len(set(labels[rows].tolist())) == 2:
            return rows


def replay(
    cells: Any, vectors: np.ndarray, labels: np.ndarray, fit: Callable[..., Any], pool: np.ndarray, test: np.ndarray,
    start: np.ndarray, steps: tuple[int, ...], seed: int, queue: bool,
) -> list[float]:  # fmt: skip
    """Return accuracy on test after each step of a review; the first rows are drawn at random in both."""
    known, out = start, []
    for at, step in enumerate(steps):
        model = fit(cells[pool[known]], labels[pool[known]])
        out.append(float((model.predict(cells[test]) == labels[test]).mean()))
        if at + 1 == len(steps):
            break
        left = np.setdiff1d(np.arange(len(pool)), known)
        wanted = steps[at + 1] - step
        if queue:
            p = model.predict_proba(cells[pool[left]])
            chosen = choose(wanted, p=p, vectors=vectors[pool[left]], reviewed=step, seed=1000 * seed + at).rows
        else:
            chosen = np.random.default_rng(1000 * seed + at).choice(len(left), wanted, replace=False)
        known = np.r_[known, left[chosen]]
    return out
