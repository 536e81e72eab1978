"""Cold start on tables: accounts of neighbouring scenarios as teachers, none of the target's labels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import limbeck
from benchmarks.few_rows import few_of_each
from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck import relevance
from limbeck.dataset.prepare import prepare
from limbeck.kinds.table.baseline import table_baseline_row
from limbeck.metrics.curves import roc_auc
from limbeck.recipe import load_recipe
from limbeck.training.distill.panel import seat

COMMAND = "make bench ONLY=accounts"


def measure(data: Path, *, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = few_rows(data / "accounts", Path(scratch)) if quick else data / "accounts"
        seeds = range(1 if quick else 3)
        accounts = [study("accounts.toml", folder, seed, quick) for seed in seeds]
        bots = [study("twitter-bots.toml", folder, seed, quick) for seed in seeds]
    best = float(np.mean([row["best single teacher"] for row in accounts]))
    out = [
        figure("accounts, three scenarios to instagram_fake: AUC of the student", accounts, "student", floor=0.95, aim=0.96,
               baseline=best, note="baseline and floor are the best single teacher, chosen with labels: here, and on other teachers."),
        figure("twitter_bands to 1k: AUC of the student", bots, "student", floor=0.835, aim=0.87,
               baseline=float(np.mean([row["uniform average"] for row in bots])), note="baseline is the uniform average."),
    ]  # fmt: skip
    for title, rows in (("accounts to instagram_fake", accounts), ("twitter_bands to 1k", bots)):
        out += [figure(f"{title}: {name}", rows, name) for name in rows[0] if name != "student"]
    return out


def figure(title: str, rows: list[dict[str, float]], name: str, **more: Any) -> Figure:
    values = over_seeds([row[name] for row in rows])
    return Figure(subject="distil", name=title, unit="", better="higher", command=COMMAND, **values, **more)


def few_rows(folder: Path, out: Path) -> Path:
    """Write tables with 60 rows of each scenario, for the small version."""
    for name, column in (("accounts", "scenario"), ("twitter_bands", "band")):
        few_of_each(folder / f"{name}.csv", [column], 60, out)
    return out


def study(name: str, folder: Path, seed: int, quick: bool) -> dict[str, float]:
    """Return AUC and accuracy of the student on test, and AUC of what it is compared with."""
    file = ROOT / "recipes" / name
    settings = [f"training.seed={seed}", "evaluation.bootstrap=0", *(["training.epochs=1"] if quick else [])]
    with tempfile.TemporaryDirectory() as scratch:
        trained = limbeck.train(file, data=folder, out=Path(scratch, "bundle"), settings=settings)
    recipe = load_recipe(file, settings)
    data = prepare(recipe, folder, recipe_folder=file.parent)
    test = data.part("test")
    truth = data.labels[test]
    panel = seat(recipe, data.classes, [folder])
    P = panel.ask(data.frame[test], None)[[k for k, _ in panel.scenarios]]  # the plain ways know no pooled classifier
    rows = {"student": trained.metrics["roc_auc"], "student's accuracy": trained.metrics["accuracy"]}
    for method in ("uniform", "uniform-logit", "majority", "confidence", "agreement", "consensus", "auto"):
        shown = "uniform average" if method == "uniform" else f"answers joined by {method}"
        rows[shown] = roc_auc(truth, relevance.METHODS[method](P).probabilities[:, 1])
    single = sorted(roc_auc(truth, answers[:, 1]) for answers in P)
    rows["best single teacher"], rows["worst single teacher"] = single[-1], single[0]
    rows["upper bound: boosted trees with the target's labels"] = within(file, folder, settings)
    return rows


def within(file: Path, folder: Path, settings: list[str]) -> float:
    """AUC of boosted trees trained on the target's own labels: what a cold start cannot know."""
    recipe = load_recipe(file, [*settings, "data.labels=all", "objective.losses={hard=1.0}"])
    data = prepare(recipe.model_copy(update={"teachers": []}), folder, recipe_folder=file.parent)
    train, test = data.part("train"), data.part("test")
    seen, evaluated = (data.frame[part].select(recipe.task.inputs) for part in (train, test))
    row = table_baseline_row(seen, data.labels[train], evaluated, data.labels[test], data.classes, 1)
    return float(row["roc_auc"])
