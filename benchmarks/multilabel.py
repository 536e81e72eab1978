"""Several labels a row without a recipe, against one-vs-rest support vector machines on the same rows.

The made-up set: posts of `weibo21`, whose cell of labels is the post's subject and, of a rumour, 谣言 beside it: 11
labels. Each seed deals 3,000 rows to learn from (a fifth of them valid); all others are test. The baseline has a linear
support vector machine for each label over TF-IDF of characters; thresholds are chosen by F1 on valid, then it learns
train and valid together, as the student does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import limbeck
from benchmarks.figures import Figure, over_seeds
from limbeck.data.label_sets import membership, names_in, truth_of
from limbeck.dataset.prepare import prepare
from limbeck.kinds.text.baseline import one_vs_rest
from limbeck.metrics.multilabel import f1_scores
from limbeck.recipe import load_recipe
from limbeck.tasks.multilabel.baseline import chosen_cuts

COMMAND = "make bench ONLY=multilabel"
LEARNED, RUMOUR = 3000, "谣言"


def measure(data: Path, *, quick: bool) -> list[Figure]:
    posts = tagged(data / "fake-news" / "weibo21.csv")
    learned, seeds = (300, 1) if quick else (LEARNED, 3)
    found = [compared(posts[:900] if quick else posts, learned, seed) for seed in range(seeds)]
    ece = [one["ece"] for one, _ in found]
    rows = f"{int(found[0][0]['n']):,} test rows, {learned:,} to learn from, 11 labels"
    figures = []
    for name in ("micro_f1", "macro_f1"):
        ours, theirs = [one[name] for one, _ in found], [other[name] for _, other in found]
        gained = [100 * (mine - other) for mine, other in zip(ours, theirs, strict=True)]
        title = name.replace("_f1", "-F1")
        note = f"{title} {np.mean(ours):.3f}; {rows}. The same rows, thresholds by F1 for both; no recipe."
        figures.append(
            Figure("auto", f"several labels a row: {title} over one-vs-rest SVM", unit="points", better="higher",
                   command=COMMAND, floor=0.0, aim=1.0, baseline=f"{np.mean(theirs):.3f}", note=note,
                   **over_seeds(gained))
        )  # fmt: skip
    figures.append(
        Figure("auto", "several labels a row: calibration error of all labels", unit="", better="lower",
               command=COMMAND, floor=0.05, aim=0.03, note=f"{rows}; Platt scaling of each label.", **over_seeds(ece))
    )  # fmt: skip
    return figures


def tagged(file: Path) -> pl.DataFrame:
    """Return posts with one cell of labels: the subject, and 谣言 beside it where it is a rumour."""
    posts = pl.read_csv(file, infer_schema=False)
    cell = pl.when(pl.col("label") == "1").then(pl.col("category") + f"|{RUMOUR}").otherwise(pl.col("category"))
    return posts.select("content", cell.alias("tags"))


def compared(posts: pl.DataFrame, learned: int, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the figures of the student and of the baseline on the rows that are left for test."""
    order = np.random.default_rng(seed).permutation(posts.height)
    part = np.full(posts.height, "test", dtype=object)
    part[order[:learned]] = "train"
    part[order[: learned // 5]] = "valid"
    rows = posts.with_columns(pl.Series("split", part.tolist()))
    with tempfile.TemporaryDirectory() as scratch:
        made = limbeck.train(rows, label="tags", out=Path(scratch, "bundle"), settings=["evaluation.baseline=false"])
        recipe = load_recipe(made.bundle / "recipe.toml")
    ours = {name: float(made.metrics[name]) for name in ("micro_f1", "macro_f1", "ece", "n")}
    dealt = prepare(recipe, memory=rows, several=True)
    names = names_in(dealt.classes, recipe.task, "weibo21")
    truth = truth_of(dealt.labels, membership(dealt.classes, names, recipe.task)) == 1
    train, valid, test = (dealt.part(name) for name in ("train", "valid", "test"))
    _, (held,) = one_vs_rest(recipe, dealt, train, truth[train], [dealt.take(valid)])
    cuts = chosen_cuts(held, truth[valid])
    both = np.concatenate([train, valid])
    _, (scores,) = one_vs_rest(recipe, dealt, both, truth[both], [dealt.take(test)])
    micro, macro = f1_scores(truth[test], scores >= cuts)
    return ours, {"micro_f1": micro, "macro_f1": macro}
