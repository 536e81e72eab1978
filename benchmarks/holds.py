"""The cold start where its builders have not looked: choices, decisions and trust of every known scenario as a target.

Each scenario of four tables is the target once, with the recipes as they are shipped. Labels of the target serve the
figures alone. Decisions at other class rates are those of the joined answer, on rows of the target left out until its
classes come at that rate; so are those with reviewed labels.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.few_rows import few_of_each
from benchmarks.figures import ROOT, Figure
from limbeck import relevance
from limbeck.dataset.prepare import prepare
from limbeck.kinds import kind_of
from limbeck.kinds.select import encode, values_of
from limbeck.metrics.curves import roc_auc
from limbeck.recipe import Recipe, load_recipe
from limbeck.relevance.replay.scene import at_rate
from limbeck.training.distill.distill import distil
from limbeck.training.distill.panel import seat
from limbeck.training.distill.replay import answer_of
from limbeck.training.distill.reviewed_labels import joined_with_labels
from limbeck.training.student import train_student

COMMAND = "make bench ONLY=holds"
RATES = (0.15, 0.3, 0.7, 0.85)
REVIEWED = 100
SEEDS = int(os.environ.get("LIMBECK_SEEDS", "3"))


@dataclass(frozen=True)
class Table:
    """A table of scenarios: its recipe, folder and file, the scenario's column, and the scenarios that are targets."""

    name: str
    recipe: str
    folder: str
    file: str
    column: str
    targets: tuple[str, ...]


TABLES = (
    Table("reviews", "reviews-cold-start.toml", "reviews", "reviews.csv", "domain",
          ("书籍", "平板", "手机", "水果", "洗发水", "热水器", "蒙牛", "衣服", "计算机", "酒店")),
    Table("reviews-en", "reviews-cold-start.toml", "reviews-en", "reviews.csv", "domain",
          ("books", "dvd", "electronics", "kitchen")),
    Table("accounts", "accounts.toml", "accounts", "accounts.csv", "scenario",
          ("instagram_fake", "weibo_rumor_poster", "weibo_spammer")),
    Table("twitter_bands", "twitter-bots.toml", "accounts", "twitter_bands.csv", "band", ("1k", "100k", "1M")),
)  # fmt: skip
HARD, SMALL = ("书籍", "蒙牛", "计算机", "酒店"), "热水器"
LIGHT = ["training.epochs=1", "relevance.rounds=1", "relevance.sample_rows=120"]
LIGHTER = {"reviews": ["input.buckets=4096"], "reviews-en": ["input.buckets=4096"]}


def measure(data: Path, *, quick: bool) -> list[Figure]:
    tables = TABLES[-1:] if quick else TABLES
    with tempfile.TemporaryDirectory() as scratch:
        jobs = [
            (
                table,
                few_of_each(data / table.folder / table.file, [table.column], 90, Path(scratch))
                if quick
                else data / table.folder,
                target,
                seed,
                quick,
            )
            for table in tables
            for target in (table.targets[:1] if quick else table.targets)
            for seed in range(1 if quick else SEEDS)
        ]
        if quick:
            found = [study(*job) for job in jobs]
        else:
            os.environ["OMP_NUM_THREADS"] = "1"
            with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
                found = list(pool.map(study, *zip(*jobs, strict=True)))
    return figures({(job[0].name, job[2], job[3]): row for job, row in zip(jobs, found, strict=True)})


def study(table: Table, folder: Path, target: str, seed: int, quick: bool) -> dict[str, Any]:
    """Return what one target and seed tell."""
    file = ROOT / "recipes" / table.recipe
    settings = [f'data.where.{table.column}="{target}"', f"training.seed={seed}"]
    settings += [*LIGHT, *LIGHTER.get(table.name, [])] if quick else []
    recipe = load_recipe(file, settings)
    data = prepare(recipe, folder, recipe_folder=file.parent)
    panel = seat(recipe, data.classes, [folder])
    taught = distil(recipe, data, folders=[folder], panel=panel)
    student = train_student(recipe, data, folders=[folder], targets=taught.targets)
    test = data.part("test")
    truth = data.labels[test]
    p = student.probabilities(encode(student.encoder, values_of(data.frame[test], recipe.task)))
    P = panel.ask(data.frame[test], None)
    alone = [k for k in range(len(P)) if k not in dict(panel.pooled)]
    pooled = [P[k] for k, _ in panel.pooled]
    uniform = relevance.uniform(P[alone]).probabilities
    trusted = alone[int(np.argmax([taught.trust["teachers"][k]["relevance"] for k in alone]))]
    plain = {"uniform": uniform, "pooled": pooled[0], "best teacher": P[trusted]}
    row: dict[str, Any] = {
        "rows": len(test),
        "accuracy": accuracy(p, truth),
        "best cut": best_cut(p, truth),
        "auc": roc_auc(truth, p[:, 1]),
        **{f"{name}: accuracy": accuracy(found, truth) for name, found in plain.items()},
        **{f"{name}: auc": roc_auc(truth, found[:, 1]) for name, found in plain.items()},
        "expected": taught.trust["expected_accuracy"],
    }
    teachers = taught.trust["teachers"]
    row["covered"] = [
        float(one["interval"][0] <= one["measured_accuracy"] <= one["interval"][1])
        for one in teachers
        if one["measured_accuracy"] is not None
    ]
    return row | decisions(recipe, data, file, folder, settings, taught.replayed, seed)


def decisions(
    recipe: Recipe, data: Any, file: Path, folder: Path, settings: list[str], replayed: Any, seed: int
) -> dict[str, Any]:
    """Return errors of class rates and of the cut at other class rates, and what reviewed labels are worth."""
    known = labels_of(file, folder, settings)
    asked = np.flatnonzero(np.isin(data.split, ["train", "valid", "unlabelled"]))
    labels = np.array([known.get(data.texts[at], -1) for at in asked])
    target, rng = replayed.target, np.random.default_rng(seed)
    if len(labels) != len(target.compact):  # rows that nobody answered are no part of it
        raise SystemExit("the labels do not match the rows that were asked about")
    rate, covered, below = [], [], []
    for share in (None, *RATES):
        rows = np.flatnonzero(labels >= 0) if share is None else at_rate(labels, share, 2000, rng)
        if not len(rows):
            continue
        answer, found = answer_of(
            replayed.chosen, target.rows(rows), replayed.scenes, rounds=recipe.relevance.rounds, seed=seed
        )
        true = float(labels[rows].mean())
        rate.append(abs(float(found.rates[1]) - true))
        covered.append(float(found.low[1] <= true <= found.high[1]))
        if share is not None:
            below.append(best_cut(answer, labels[rows]) - accuracy(answer, labels[rows]))
    return {"rate": rate, "rate covered": covered, "below": below} | reviewed(
        recipe, data, asked, labels, replayed, rng
    )


def reviewed(
    recipe: Recipe, data: Any, asked: np.ndarray, labels: np.ndarray, replayed: Any, rng: np.random.Generator
) -> dict[str, Any]:
    """Return the accuracies with 100 reviewed labels, of the same labels alone and of the cold start, on other rows."""
    known = np.flatnonzero(labels >= 0)
    chosen = np.sort(rng.choice(known, min(REVIEWED, len(known) // 2), replace=False))
    others = np.setdiff1d(known, chosen)
    fit = kind_of(recipe.task).load("scenario").fit
    frame = data.frame[asked].select(name for name in recipe.task.inputs if name in data.frame.columns)
    with_labels = joined_with_labels(replayed.answer, frame, chosen, labels[chosen], fit, seed=0)
    model = fit(frame[chosen], labels[chosen])
    alone = np.zeros((len(others), 2))
    alone[:, model.classes_] = model.predict_proba(frame[others])
    return {
        "reviewed": accuracy(with_labels[others], labels[others]),
        "reviewed alone": accuracy(alone, labels[others]),
        "not reviewed": accuracy(replayed.answer[others], labels[others]),
    }


def labels_of(file: Path, folder: Path, settings: list[str]) -> dict[str, int]:
    """Return the label of every row that has one, by its content: for figures alone."""
    recipe = load_recipe(file, [*settings, "data.labels=all", "objective.losses={hard=1.0}"])
    data = prepare(recipe.model_copy(update={"teachers": []}), folder, recipe_folder=file.parent)
    return {text: int(label) for text, label in zip(data.texts, data.labels, strict=True) if label >= 0}


def accuracy(answers: np.ndarray, truth: np.ndarray) -> float:
    return float((answers.argmax(axis=1) == truth).mean())


def best_cut(answers: np.ndarray, truth: np.ndarray) -> float:
    """Return the accuracy at the cut that labels would choose."""
    order = np.argsort(-(answers[:, 1] - answers[:, 0]), kind="stable")
    gains = np.cumsum(2 * truth[order] - 1)
    return float(((truth == 0).sum() + max(0, gains.max())) / len(truth))


def figures(found: dict[tuple[str, str, int], dict[str, Any]]) -> list[Figure]:
    """Return the page's rows."""
    seeds = sorted({seed for _, _, seed in found})
    tables = [table.name for table in TABLES if any(key[0] == table.name for key in found)]

    def targets(table: str) -> list[str]:
        return list(dict.fromkeys(key[1] for key in found if key[0] == table))

    def by_seed(of: Callable[[dict[str, Any]], float], among: Sequence[tuple[str, str]]) -> list[float]:
        return [float(np.mean([of(found[(*key, seed)]) for key in among])) for seed in seeds]

    def furthest(of: Callable[[dict[str, Any]], float], among: Sequence[tuple[str, str]]) -> tuple[float, str]:
        means = {key: float(np.mean([of(found[(*key, seed)]) for seed in seeds])) for key in among}
        last = min(means, key=lambda key: means[key])
        return means[last], last[1]

    def figure(name: str, values: float | Sequence[float], better: str, unit: str = "", **more: Any) -> Figure:
        values = [values] if isinstance(values, float) else values
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return Figure("holds", name, float(np.mean(values)), unit, better, COMMAND, spread, len(seeds), **more)

    def gain(row: dict[str, Any]) -> float:
        return 100 * (row["accuracy"] - max(row["uniform: accuracy"], row["pooled: accuracy"]))

    out = []
    if "reviews" in tables:
        ten = [("reviews", name) for name in targets("reviews")]
        hard = [key for key in ten if key[1] in HARD]
        least, name = furthest(gain, [key for key in ten if key[1] != SMALL])
        small, _ = furthest(gain, [key for key in ten if key[1] == SMALL])
        out += [
            figure("reviews, student at the shipped cut: accuracy, mean of ten targets", by_seed(lambda r: r["accuracy"], ten),
                   "higher", floor=0.903, aim=0.915, baseline=float(np.mean(by_seed(lambda r: r["pooled: accuracy"], ten))),
                   note="baseline is the pooled classifier in the same run."),
            figure("the same, 书籍 蒙牛 计算机 酒店", by_seed(lambda r: r["accuracy"], hard), "higher", floor=0.868, aim=0.885,
                   baseline=float(np.mean(by_seed(lambda r: r["pooled: accuracy"], hard)))),
            figure("the same at the best cut", by_seed(lambda r: r["best cut"], ten), "higher"),
            figure("the same, AUC", by_seed(lambda r: r["auc"], ten), "higher",
                   baseline=float(np.mean(by_seed(lambda r: r["pooled: auc"], ten)))),
            figure("reviews, the target furthest below the better of uniform and pooled", least, "higher", "points",
                   floor=-1.0, aim=-0.3, note=f"it is {name}; mean of the seeds."),
            figure("the same, 热水器 (114 test rows)", small, "higher", "points", floor=-2.7),
        ]  # fmt: skip
    if "reviews-en" in tables:
        four = [("reviews-en", name) for name in targets("reviews-en")]
        against = lambda row: 100 * (row["accuracy"] - row["pooled: accuracy"])  # noqa: E731
        least, name = furthest(against, four)
        out += [
            figure("reviews-en, four targets: accuracy against the pooled classifier, mean", by_seed(against, four), "higher",
                   "points", floor=0.5, aim=2.0, note=f"pooled {np.mean(by_seed(lambda r: r['pooled: accuracy'], four)):.4f}."),
            figure("the same, furthest below it", least, "higher", "points", floor=-1.0, aim=-0.3, note=f"it is {name}."),
            figure("the same at the best cut, mean accuracy", by_seed(lambda r: r["best cut"], four), "higher"),
        ]  # fmt: skip
    rest = [(table, name) for table in tables if table in ("accounts", "twitter_bands") for name in targets(table)]
    if rest:
        ranking = lambda row: row["auc"] - max(row[f"{name}: auc"] for name in ("uniform", "pooled", "best teacher"))  # noqa: E731
        least, name = furthest(ranking, rest)
        cut = lambda row: 100 * (row["accuracy"] - row["best cut"])  # noqa: E731
        last, of = furthest(cut, rest)
        out += [
            figure("accounts and bands: AUC of the student less the best of uniform, pooled and best teacher, worst target",
                   least, "higher", floor=-0.01, aim=0.01, note=f"it is {name}."),
            figure("the same, mean", by_seed(ranking, rest), "higher"),
            figure("accounts and bands: accuracy at the shipped cut less that of the best cut, worst target", last, "higher",
                   "points", floor=-4.0, aim=-2.0, note=f"it is {of}."),
            figure("the same, mean", by_seed(cut, rest), "higher", "points"),
        ]  # fmt: skip
    every = [(table, name) for table in tables for name in targets(table)]
    texts = [key for key in every if key[0].startswith("reviews")]
    if texts:
        out.append(figure("texts at class rates 0.15, 0.3, 0.7, 0.85: accuracy less that of the best cut",
                          by_seed(lambda r: -100 * float(np.mean(r["below"])) if r["below"] else 0.0, texts), "higher", "points",
                          floor=-2.0, aim=-1.0, note="of the joined answer."))  # fmt: skip
    worth = lambda row: 100 * (row["reviewed"] - max(row["reviewed alone"], row["not reviewed"]))  # noqa: E731
    least, name = furthest(worth, every)
    out += [
        figure("class rates, all targets and rates: mean absolute error", by_seed(lambda r: float(np.mean(r["rate"])), every),
               "lower", floor=0.06, aim=0.03),
        figure("the same: coverage of the 95 % interval", by_seed(lambda r: float(np.mean(r["rate covered"])), every), "higher",
               floor=0.9, aim=0.95),
        figure("teachers' 95 % intervals, all targets: coverage", by_seed(lambda r: float(np.mean(r["covered"])), every), "higher",
               floor=0.9),
        figure("expected accuracy, all targets: mean distance from the student's",
               by_seed(lambda r: 100 * abs(r["expected"] - r["accuracy"]), every), "lower", "points", floor=4.0, aim=2.0),
        figure("100 reviewed labels against the better of cold start and those labels alone, mean", by_seed(worth, every), "higher",
               "points", floor=0.0, aim=2.0, note="of the joined answer, on rows that nobody reviewed."),
        figure("the same, worst target", least, "higher", "points", floor=-1.5, note=f"it is {name}."),
    ]  # fmt: skip
    print(json.dumps({" ".join(map(str, key)): row for key, row in found.items()}, ensure_ascii=False))
    return out
