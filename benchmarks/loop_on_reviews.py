"""The loop on real data: three teachers of nine domains, hotels as the unlabelled tenth, and a reviewer with the true labels.

The students learn what the teachers answer together and, three times as heavily, what was reviewed. What is reviewed
next is chosen by the queue's defaults with the latest student, or at random.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import limbeck
from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck.monitoring.choose import choose

COMMAND = "make bench ONLY=loop_on_reviews"
TARGET = "酒店"
TEACHERS = (("书籍", "平板", "手机"), ("水果", "洗发水", "热水器"), ("蒙牛", "衣服", "计算机"))
STEPS, FEW = (0, 50, 100, 200), (0, 20)
RECIPE = ROOT / "recipes" / "reviews-cold-start.toml"
LABELLED = ["data.labels=all", "teachers=[]", "objective.losses={hard=1.0}", "training.metric=accuracy"]
LIGHT = ["input.buckets=4096", "training.epochs=1", "relevance.rounds=1", "evaluation.baseline=false"]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        return on_reviews(data, Path(scratch), quick)


def on_reviews(data: Path, scratch: Path, quick: bool) -> list[Figure]:
    found = [
        run(data / "reviews" / "reviews.csv", scratch / str(seed), seed, quick) for seed in range(1 if quick else 3)
    ]
    steps = FEW if quick else STEPS

    def points(name: str, values: list[float], **more: Any) -> Figure:
        return Figure("loop", name, unit="points", better="higher", command=COMMAND, **over_seeds(values), **more)

    mean = {
        arm: [100 * float(np.mean([one[arm][at] for one in found])) for at in range(len(steps))]
        for arm in ("queue", "random")
    }
    shown = "; ".join(
        f"{arm} " + ", ".join(f"{step}: {value:.1f}" for step, value in zip(steps, mean[arm], strict=True))
        for arm in mean
    )
    out = [
        points(
            f"{TARGET} with three teachers: {steps[-1]} reviews over none",
            [100 * (one["queue"][-1] - one["queue"][0]) for one in found],
            floor=1.5,
            note=f"accuracy in %, {shown}.",
        ),
        points("the least gain of one step", [min(np.diff(mean["queue"]))], floor=0.0, note="mean of the seeds."),
    ]
    at = steps.index(100) if 100 in steps else len(steps) - 1
    out.append(
        points(
            f"queue against random review at {steps[at]} reviews",
            [100 * (one["queue"][at] - one["random"][at]) for one in found],
            floor=0.5,
        )
    )
    return out  # fmt: skip


def run(file: Path, scratch: Path, seed: int, quick: bool) -> dict[str, list[float]]:
    """Return accuracy on the target's test rows after each step, for both ways of choosing."""
    scratch.mkdir(parents=True)
    frame = pl.read_csv(file).filter(pl.col("text").is_not_null() & (pl.col("text").str.strip_chars() != ""))
    frame = frame.unique("text", maintain_order=True)
    if quick:
        frame = frame.filter(pl.int_range(pl.len()).shuffle(0).over("domain") < 40)
    light = LIGHT if quick else []
    names = []
    for at, domains in enumerate(TEACHERS):
        rows = scratch / f"teacher-{at}"
        rows.mkdir()
        frame.filter(pl.col("domain").is_in(list(domains))).drop("domain").write_csv(rows / "reviews.csv")
        names.append(rows / "bundle")
        settings = [*LABELLED, "data.where={}", f"training.seed={seed}", *light]
        limbeck.train(RECIPE, data=rows, out=names[-1], settings=settings, progress=quiet)
    target = frame.filter(pl.col("domain") == TARGET).drop("domain")
    test = target.filter(pl.col("split") == "test")
    unlabelled = target.filter(pl.col("split") == "train")
    rows = scratch / "target"
    rows.mkdir()
    target.write_csv(rows / "reviews.csv")
    sections = ", ".join(f'{{name="t{at}", source="bundle:{bundle}"}}' for at, bundle in enumerate(names))
    out: dict[str, list[float]] = {}
    steps = FEW if quick else STEPS
    start = None
    for arm in ("queue", "random"):
        known, found = np.empty(0, dtype=np.int64), []
        for step, step_after in zip(steps, [*steps[1:], None], strict=True):
            if step == 0 and start is not None:
                bundle, accuracy = start
            else:
                bundle = scratch / f"{arm}-{step}"
                settings = ["data.where={}", f"teachers=[{sections}]", f"training.seed={seed}", *light]
                if step:
                    table = scratch / f"{arm}-{step}.csv"
                    unlabelled[known.tolist()].select("text", "label").write_csv(table)
                    settings.append(f"relevance.reviewed={table}")
                limbeck.train(RECIPE, data=rows, out=bundle, settings=settings, progress=quiet)
                said = answers(bundle, test["text"].to_list()).argmax(axis=1)
                accuracy = float((said == test["label"].to_numpy()).mean())
            start = start or (bundle, accuracy)
            found.append(accuracy)
            if step_after is not None:
                left = np.setdiff1d(np.arange(unlabelled.height), known)
                if arm == "queue":
                    known = np.r_[
                        known, left[next_rows(bundle, unlabelled[left.tolist()], step_after - step, step, seed)]
                    ]
                else:
                    known = np.r_[
                        known, np.random.default_rng(100 * seed + step).choice(left, step_after - step, replace=False)
                    ]
        out[arm] = found
    print(seed, out, flush=True)
    return out


def next_rows(bundle: Path, rows: pl.DataFrame, count: int, reviewed: int, seed: int) -> np.ndarray:
    """Return the rows that the queue shows next, with its defaults."""
    with limbeck.load(bundle) as classifier:
        texts = rows["text"].to_list()
        p = classifier.predict_proba(texts)
        return choose(
            count, p=p, vectors=classifier.features(texts), reviewed=reviewed, seed=100 * seed + reviewed
        ).rows


def answers(bundle: Path, texts: list[str]) -> np.ndarray:
    with limbeck.load(bundle) as classifier:
        return classifier.predict_proba(texts)


def quiet(_: Any) -> None:
    """Take the events of a training and print nothing."""
