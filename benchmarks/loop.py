"""The loop after training: verdicts, audits, drift, expected accuracy, what to review, suspected labels.

Simulations where the truth has to be known; replays of the reviews and the accounts with their labels hidden where it must
not be made up. The students of the replays are linear models of hashed n-grams, and boosted trees for tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.figures import Figure, over_seeds
from limbeck.bundle.reference import reference_of
from limbeck.kinds.projection import projected, unit
from limbeck.kinds.text.ngrams import Ngrams
from limbeck.kinds.text.vectors import _BAGS, _REACH, WIDTH
from limbeck.metrics.calibration import fit_temperature
from limbeck.monitoring.audit import audited_share, chances
from limbeck.monitoring.choose import choose
from limbeck.monitoring.drift import drift
from limbeck.monitoring.estimated_accuracy import estimated_accuracy
from limbeck.monitoring.label_errors import out_of_fold, suspects
from limbeck.monitoring.two_samples import two_samples
from limbeck.monitoring.verdict import BETTER, OPEN, verdict
from limbeck.recipe import Input

COMMAND = "make bench ONLY=loop"
WIDE = Input(encoder="ngrams", ngrams=(1, 3), buckets=2**18)
POOL, TEST = 6000, 6000  # rows of a replay
STEPS = (50, 100, 150, 200, 250, 350, 500, 600, 800, 1000)  # reviewed rows
SEEDS = 10


def measure(data: Path, *, quick: bool) -> list[Figure]:
    texts = Texts.read(data / "reviews" / "reviews.csv", 800 if quick else None)
    return [
        *verdicts(4 if quick else 200),
        *audits(20 if quick else 1000),
        *drifts(texts, 2 if quick else 400),
        *estimates(texts, quick),
        *label_errors(texts, data, quick),
        *queues(texts, data, quick),
    ]


def figure(name: str, values: list[float], unit: str, better: str = "higher", **more: Any) -> Figure:
    return Figure("loop", name, unit=unit, better=better, command=COMMAND, **over_seeds(values), **more)


def verdicts(candidates: int) -> list[Figure]:
    """Simulate candidates; each is looked at after every 50 audited rows, up to the number that the first look asks for."""
    rng = np.random.default_rng(0)
    wrong, found, asked = [], [], []
    for number in range(candidates):
        gain = 0.02 if number % 2 else rng.choice([0.0, -0.01, -0.02])
        apart = rng.uniform(0.04, 0.10)
        shadow = rng.binomial(2000, apart) / 2000  # answers that both gave without labels
        case = rng.choice(3, size=60_000, p=[1 - apart, (apart + gain) / 2, (apart - gain) / 2])
        first, rows = 100, 100
        said = looked(case[:first], shadow)
        wanted = first + (said.more or 0)
        while said.state == OPEN and rows < wanted:
            rows = min(rows + 50, wanted)
            said = looked(case[:rows], shadow)
        if gain > 0:
            found.append(float(said.state == BETTER))
            asked.append(float(wanted))
        else:
            # Whoever goes on looking for three times as long must not be led to promote it either.
            for rows in range(wanted, 3 * wanted, 50):
                said = looked(case[:rows], shadow) if said.state == OPEN else said
            wrong.append(float(said.state == BETTER))
    note = f"{candidates} simulated candidates that answer 4 to 10 % of rows differently, looked at after every 50 audited rows; those that are no better for three times as long as asked."
    asks = f"{np.median(asked):.0f} audited rows asked for (median), of which only those answered differently need a review."
    return [
        figure("verdict: candidates that are equal or worse, ever found better", [100 * float(np.mean(wrong))], "%", "lower", floor=5.0, note=note),
        figure("verdict: candidates better by 2 points found better within the rows asked for", [100 * float(np.mean(found))], "%", floor=80.0, note=asks),
    ]  # fmt: skip


def looked(case: np.ndarray, shadow: float) -> Any:
    """Return the verdict on rows of which both are right (0), the candidate alone (1) or the current one alone (2)."""
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
        said = audited_share(right[seen][kept], probability)
        inside.append(float(said.low <= right.mean() <= said.high))
        naive.append(100 * abs(float(right[seen].mean() - right.mean())))
    note = f"{projects} simulated projects; the share of right answers among all reviewed rows is off by {np.mean(naive):.1f} points on average."
    return [figure("audited accuracy: 95 % intervals that cover the truth", [100 * float(np.mean(inside))], "%", floor=92.0, note=note + " The aim is 92 to 98 %.")]  # fmt: skip


@dataclass(frozen=True)
class Texts:
    """The reviews: bags of n-grams, vectors, labels, domains and parts."""

    bags: csr_matrix
    vectors: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    domains: np.ndarray
    split: np.ndarray

    @classmethod
    def read(cls, file: Path, some: int | None) -> Texts:
        """Read the reviews, or some of them."""
        frame = pl.read_csv(file).filter(pl.col("text").is_not_null())
        if some is not None:
            frame = frame.sample(some, seed=0)
        texts = frame["text"].to_list()
        return cls(
            weighted(texts), vectors_of(texts), np.array([float(len(text)) for text in texts]), frame["label"].to_numpy(),
            frame["domain"].to_numpy(), frame["split"].to_numpy(),
        )  # fmt: skip


def weighted(texts: list[str]) -> csr_matrix:
    """Return TF-IDF of hashed n-grams, rows of length one."""
    found = Ngrams(WIDE).encode(texts, 4096)
    places = np.r_[0, np.cumsum(found.lengths)]
    X = csr_matrix((found.weights.astype(np.float64), found.values, places), shape=(len(texts), WIDE.buckets + 1))
    count = np.bincount(X.indices, minlength=X.shape[1])
    X.data *= np.log(len(texts) / np.maximum(count, 1))[X.indices]
    X.data /= np.repeat(np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel()).clip(1e-9), np.diff(X.indptr))
    return X


def vectors_of(texts: list[str]) -> np.ndarray:
    """Return the vectors that a text bundle's `Classifier.features` gives, float32[N, 256]."""
    bags = Ngrams(_BAGS).encode(texts, _REACH)
    owner = np.repeat(np.arange(len(texts)), bags.lengths)
    return unit(projected(bags.values.astype(np.int64), bags.weights, owner, len(texts), WIDTH))


def calibrated(texts: Texts, learned: np.ndarray, valid: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a linear student on rows, calibrate it on others; return what gives probabilities float[M, 2] of rows."""
    model = LogisticRegression(C=10, max_iter=200).fit(texts.bags[learned], texts.labels[learned])

    def logits(rows: np.ndarray) -> np.ndarray:
        z = model.decision_function(texts.bags[rows])
        return np.c_[np.zeros(len(z)), z]

    temperature = fit_temperature(logits(valid), texts.labels[valid])
    return lambda rows: softmax(logits(rows) / temperature)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def drifts(texts: Texts, weeks: int) -> list[Figure]:
    """Weeks of the domains that were learned from, and weeks of another domain, against the reference."""
    domains = sorted(set(texts.domains.tolist()))
    alarms: dict[str, list[float]] = {"bundle's reference": [], "classifier two-sample test": []}
    caught: dict[str, list[float]] = {name: [] for name in alarms}
    rng = np.random.default_rng(0)
    for number, away in enumerate(domains[:weeks]):
        home = texts.domains != away
        rows = rng.permutation(np.flatnonzero(home))
        learned, valid, fresh = np.split(rows, [len(rows) * 4 // 10, len(rows) * 5 // 10])
        answer = calibrated(texts, learned[:8000], valid[:3000])
        old, p = valid[:3000], answer(valid[:3000])
        kept = reference_of(
            ["0", "1"], p.astype(np.float32), p.argmax(axis=1), texts.labels[old],
            ("characters", texts.sizes[old]), texts.vectors[old][:2000],
        )  # fmt: skip
        other = np.flatnonzero(~home)
        for week in range(max(1, weeks // len(domains))):
            size = (200, 500, 2000)[(number + week) % 3]
            for found, pool in ((alarms, fresh), (caught, other)):
                window = rng.choice(pool, min(size, len(pool)), replace=False)
                p = answer(window)
                said = drift(
                    kept, p, p.argmax(axis=1), sizes=texts.sizes[window], vectors=texts.vectors[window], seed=week
                )
                found["bundle's reference"].append(float(bool(said.drifted)))
                found["classifier two-sample test"].append(
                    float(two_samples(texts.vectors[old], texts.vectors[window], seed=week).drifted)
                )
    out = []
    for name in alarms:
        note = f"{len(alarms[name])} windows of 200, 500 or 2,000 rows."
        out.append(
            figure(
                f"drift, {name}: false alarms on weeks of the same domains",
                [100 * float(np.mean(alarms[name]))],
                "%",
                "lower",
                floor=5.0,
                note=note,
            )
        )
        out.append(
            figure(
                f"drift, {name}: weeks of another domain found",
                [100 * float(np.mean(caught[name]))],
                "%",
                floor=90.0,
                note=note,
            )
        )
    return out  # fmt: skip


def estimates(texts: Texts, quick: bool) -> list[Figure]:
    """Expected against measured accuracy on each domain, which the model has not seen at all."""
    domains = sorted(set(texts.domains.tolist()))
    off, trusted, told = [], [], []
    for away in domains[: 1 if quick else None]:
        home = texts.domains != away
        learned = np.random.default_rng(0).permutation(np.flatnonzero(home & (texts.split == "train")))[:20_000]
        valid = np.flatnonzero(home & (texts.split == "valid"))
        rows = np.flatnonzero(~home & (texts.split == "test"))
        answer = calibrated(texts, learned, valid)
        p = answer(rows)
        apart = two_samples(texts.vectors[valid], texts.vectors[rows]).auc
        said = estimated_accuracy(p, p.argmax(axis=1), apart=apart)
        true = float((p.argmax(axis=1) == texts.labels[rows]).mean())
        off.append(100 * abs(said.value - true))
        told.append(
            f"{away} {100 * said.value:.1f} for {100 * true:.1f} (AUC {apart:.2f}{'' if said.trusted else ', warned'})"
        )
        if said.trusted:
            trusted.append(off[-1])
    note = "; ".join(told) + "."
    out = [
        figure(
            "expected accuracy without labels: distance from the measured one, mean of all domains",
            [float(np.mean(off))],
            "points",
            "lower",
            floor=4.0,
            note=note,
        )
    ]
    if trusted:
        out.append(
            figure(
                "the same, where nothing is warned of",
                [float(np.mean(trusted))],
                "points",
                "lower",
                note=f"{len(trusted)} of {len(off)} domains.",
            )
        )
    return out  # fmt: skip


def label_errors(texts: Texts, data: Path, quick: bool) -> list[Figure]:
    """Flip 5 % of labels and look for them among as many suspects."""
    accounts = Tables.read(data)
    out = []
    for name, labels, fit in (
        ("texts", texts.labels, lambda rows, y: logistic(texts.bags[rows], y)),
        ("tables", accounts.labels, lambda rows, y: trees(accounts.cells[rows], y)),
    ):
        if quick and name == "tables":
            continue
        cells: Any = texts.bags if name == "texts" else accounts.cells
        found = []
        for seed in range(1 if quick else 3):
            rng = np.random.default_rng(seed)
            rows = rng.choice(len(labels), min(400 if quick else 8000, len(labels)), replace=False)
            given = labels[rows].copy()
            flipped = rng.choice(len(rows), len(rows) // 20, replace=False)
            given[flipped] = 1 - given[flipped]

            def answers(
                learned: np.ndarray, asked: np.ndarray, rows: np.ndarray = rows, given: np.ndarray = given
            ) -> Any:
                return fit(rows[learned], given[learned]).predict_proba(cells[rows[asked]])  # noqa: B023 - used at once

            p = out_of_fold(given, answers, classes=2, seed=seed)
            first = [one.row for one in suspects(given, p, most=len(flipped))]
            found.append(len(set(first) & set(flipped.tolist())) / len(flipped))
        note = f"{len(rows)} rows, 5 % of labels flipped; of as many suspects as were flipped."
        out.append(figure(f"suspected labels, {name}: precision among the first", found, "", floor=0.6, note=note))
    return out


@dataclass(frozen=True)
class Tables:
    """The accounts of all scenarios."""

    cells: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, data: Path) -> Tables:
        """Read the accounts."""
        frame = pl.read_csv(data / "accounts" / "accounts.csv").filter(pl.col("label").is_not_null())
        cells = frame.drop("label", "scenario").cast(pl.Float64, strict=False).to_numpy()
        return cls(cells, frame["label"].to_numpy().astype(np.int64))


def logistic(X: Any, y: np.ndarray) -> Any:
    return LogisticRegression(C=10, max_iter=200).fit(X, y)


def trees(X: Any, y: np.ndarray) -> Any:
    return HistGradientBoostingClassifier(max_iter=60, l2_regularization=1.0, min_samples_leaf=30, random_state=0).fit(
        X, y
    )


def queues(texts: Texts, data: Path, quick: bool) -> list[Figure]:
    """Replay the queue with its defaults against random review, paired by seed."""
    accounts = Tables.read(data)
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
    return out  # fmt: skip


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
