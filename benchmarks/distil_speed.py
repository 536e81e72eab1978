"""What learning from teachers costs: an epoch beside one without them, and the seconds that weighing answers takes."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import limbeck
from benchmarks.figures import ROOT, Figure
from limbeck import relevance

COMMAND = "make bench ONLY=distil_speed"
RULE = 'rule:contains(content, "网传") or contains(content, "辟谣") -> fake; len(content) > 200 -> real'
Report = Callable[[int, float], None]
Taken = tuple[float, float]  # seconds on the clock, and of the processor


def measure(data: Path, *, quick: bool) -> list[Figure]:
    from threadpoolctl import threadpool_limits

    with_teachers, without = epochs(data / "fake-news", count=3 if quick else 10, quick=quick)
    (wall, cpu), (wall_without, cpu_without) = medians(with_teachers), medians(without)
    teachers, rows, more, times = (8, 500, 1000, 1) if quick else (64, 100_000, 1_000_000, 3)
    with threadpool_limits(1):
        P = simulated(teachers, rows)
        of_consensus = statistics.median(seconds(lambda: relevance.consensus(P)) for _ in range(times))
        slowest = all_others(teachers, more)
    name = max(slowest, key=slowest.get)
    return [
        Figure("distil", "epoch with three cached teachers over the same without, Weibo21, TextCNN, CPU time",
               cpu / cpu_without, "×", "lower", COMMAND, floor=1.10, aim=1.03, baseline=f"{cpu_without:.2f} s",
               note=f"medians of {len(without)} epochs each, taken in turn in one process; losses hard and distil, or hard alone. "
                    f"By the clock, on a machine that others use too, {wall / wall_without:.3f}."),
        Figure("distil", "consensus of 64 teachers, 100,000 rows, two classes", of_consensus, "s", "lower", COMMAND,
               floor=10.0, aim=2.0, note=f"median of {times}, one thread, simulated answers."),
        Figure("distil", "slowest other calculator, 64 teachers, 1,000,000 rows", slowest[name], "s", "lower", COMMAND,
               baseline=name, note=", ".join(f"{name} {value:.1f}" for name, value in slowest.items()) + " s, run once."),
    ]  # fmt: skip


def epochs(folder: Path, *, count: int, quick: bool) -> tuple[list[Taken], list[Taken]]:
    """Return the times of the epochs with teachers and without, the first of each left out: it holds the preparations."""
    from limbeck.dataset.prepare import prepare
    from limbeck.recipe import load_recipe, override
    from limbeck.training.distill.distill import distil
    from limbeck.training.student import train_student

    file = ROOT / "recipes" / "fake-news.toml"
    plain = ["input.wide=false", "evaluation.bootstrap=0", "evaluation.baseline=false"]
    plain += ["data.where.category=科技"] if quick else []
    with tempfile.TemporaryDirectory() as scratch:
        teacher = [*plain, "student.network=ngram", "input.buckets=32768", f"training.epochs={1 if quick else 3}"]
        limbeck.train(file, data=folder, out=Path(scratch, "ngram"), settings=teacher)
        whole = [f"training.epochs={count}", f"training.patience={count}"]
        student = load_recipe(file, [*plain, *whole, "student.bigrams=4096"])
        rows = prepare(student, folder)
        linear = linear_model(rows, Path(scratch, "linear.skops"))
        taught = override(
            student,
            {
                "objective.losses": {"hard": 0.5, "distil": 0.5},
                "teachers": [
                    {"name": "ngram", "source": f"bundle:{scratch}/ngram"},
                    {"name": "linear", "source": f"sklearn:{linear}"},
                    {"name": "rule", "source": RULE},
                ],
            },
        )
        targets = distil(taught, rows, folders=[folder], cache=Path(scratch, "cache")).targets
        runs = [
            partial(train_student, taught, rows, folders=[file.parent], targets=targets),
            partial(train_student, student, rows, folders=[file.parent]),
        ]
        first, second = in_turn([lambda report, run=run: run(report=report) for run in runs])
    return first[1:], second[1:]


def linear_model(rows: Any, file: Path) -> Path:
    """Fit TF-IDF and logistic regression on the train rows, and store them as the teacher reads them."""
    import skops.io
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train = rows.part("train")
    model = make_pipeline(TfidfVectorizer(analyzer="char", max_features=5000), LogisticRegression())
    model.fit([rows.texts[row] for row in train], np.array(rows.classes)[rows.labels[train]])
    skops.io.dump(model, file)
    return file


def in_turn(runs: Sequence[Callable[[Report], Any]]) -> list[list[Taken]]:
    """Run two trainings epoch by epoch in turn, and return the times of each one's epochs.

    A machine that is busy now and idle later is so for both. Only one runs at a time: each waits in ``report``.
    """
    turns = [threading.Semaphore(1), threading.Semaphore(0)]
    taken: list[list[Taken]] = [[], []]

    def lead(at: int) -> None:
        turns[at].acquire()
        started = now()

        def report(_epoch: int, _score: float) -> None:
            nonlocal started
            clock, processor = now()
            taken[at].append((clock - started[0], processor - started[1]))
            turns[1 - at].release()
            turns[at].acquire()
            started = now()

        try:
            runs[at](report)
        finally:
            turns[1 - at].release()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(lead, at) for at in (0, 1)]:
            done.result()
    return taken


def now() -> Taken:
    """Return the clock and this process's processor time."""
    return time.perf_counter(), time.process_time()


def medians(taken: Sequence[Taken]) -> Taken:
    """Return the median of each of the two times."""
    return statistics.median(clock for clock, _ in taken), statistics.median(processor for _, processor in taken)


def simulated(teachers: int, rows: int, seed: int = 0) -> np.ndarray:
    """Return answers float32 [K, N, 2] of teachers from weak to good; the logits' noise is their own."""
    rng = np.random.default_rng(seed)
    side = 2.0 * rng.integers(0, 2, rows) - 1
    out = np.empty((teachers, rows, 2), dtype=np.float32)
    for k, skill in enumerate(np.linspace(0.2, 1.5, teachers)):
        out[k, :, 1] = 1 / (1 + np.exp(-skill * side - rng.normal(size=rows)))
        out[k, :, 0] = 1 - out[k, :, 1]
    return out


def all_others(teachers: int, rows: int) -> dict[str, float]:
    """Return seconds of every calculator but consensus."""
    P, rng = simulated(teachers, rows), np.random.default_rng(1)
    features = rng.normal(size=(rows, 8))
    samples = [rng.normal(0.1 * k, 1, size=(200, 8)) for k in range(teachers)]
    marked = np.arange(100), rng.integers(0, 2, 100)
    base = relevance.uniform(P)
    arguments: dict[str, tuple[Any, ...]] = {
        "fixed": (np.linspace(0, 1, teachers),), "domain": (features, samples), "reviewed": (*marked, base),
    }  # fmt: skip
    return {
        name: seconds(partial(method, P, *arguments.get(name, ())))
        for name, method in relevance.METHODS.items()
        if name != "consensus"
    }


def seconds(what: Callable[[], Any]) -> float:
    """Return the time of one call."""
    started = time.perf_counter()
    what()
    return time.perf_counter() - started
