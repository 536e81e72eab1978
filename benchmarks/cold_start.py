"""Cold start on reviews: nine domains' teachers and unlabelled rows in, a student of the tenth domain out.

Every method is a row: what it makes of the teachers' answers on test, and for some the student that learns from it;
means of ten targets and three seeds. Labels of the target serve the final figure alone, but for `best single teacher`,
`upper bound` and the 100 reviewed ones.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.few_rows import few_of_each
from benchmarks.figures import ROOT, Figure, over_seeds
from benchmarks.outside import OUTSIDE
from limbeck import relevance
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import prepare
from limbeck.kinds.select import encode, values_of
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.distill.distill import distil
from limbeck.training.distill.panel import Panel, seat
from limbeck.training.distill.targets import Distilled
from limbeck.training.student import train_student

COMMAND = "make bench ONLY=cold_start"
RECIPE = ROOT / "recipes" / "reviews-cold-start.toml"
DOMAINS = ("书籍", "平板", "手机", "水果", "洗发水", "热水器", "蒙牛", "衣服", "计算机", "酒店")
HARD = ("书籍", "蒙牛", "计算机", "酒店")
CALCULATORS = ("uniform", "uniform-logit", "majority", "confidence", "agreement", "consensus", "auto")
TAUGHT = ("uniform", "domain", "auto")  # whose answers a student learns; rounds (`joint`) are what auto chose here
FLIPPED, REVIEWED = 3, 100
LIGHT = ["input.buckets=4096", "training.epochs=1", "relevance.rounds=1"]


@dataclass(frozen=True)
class Flip:
    """A teacher whose labels came out the wrong way round."""

    teacher: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.teacher, name)

    @property
    def fingerprint(self) -> str:
        """A name of its own, for the cache."""
        return self.teacher.fingerprint + "-flipped"

    def answer(self, rows: pl.DataFrame) -> Any:
        """The teacher's answers with both classes swapped."""
        return self.teacher.answer(rows)[:, ::-1]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = (
            few_of_each(data / "reviews" / "reviews.csv", ["domain"], 60, Path(scratch)) if quick else data / "reviews"
        )
        targets, seeds = (("热水器",), (0,)) if quick else (DOMAINS, (0, 1, 2))
        jobs = [(folder, target, seed, quick) for target in targets for seed in seeds]
        if quick:
            found = [study(*jobs[0])]
        else:
            os.environ["OMP_NUM_THREADS"] = "1"
            with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
                found = list(pool.map(study, *zip(*jobs, strict=True)))
    return figures({(job[1], job[2]): row for job, row in zip(jobs, found, strict=True)})


def study(folder: Path, target: str, seed: int, quick: bool) -> dict[str, float]:
    """Return the accuracy on test of every method's student, and what else one target and seed tell."""
    light = LIGHT if quick else []
    settings = [f'data.where.domain="{target}"', f"training.seed={seed}", *light]
    recipe = load_recipe(RECIPE, settings)
    data = prepare(recipe, folder, recipe_folder=RECIPE.parent)
    panel = seat(recipe, data.classes, [folder])
    test = data.part("test")
    truth = data.labels[test]
    alone = [k for k, _ in panel.scenarios]  # the plain ways know no pooled classifier
    P = panel.ask(data.frame[test], None)[alone]
    known = labels_of(folder, target, data)
    asked = np.flatnonzero(data.split == "unlabelled")
    rows: dict[str, float] = {
        "uniform average": accuracy(relevance.uniform(P).probabilities, truth),
        "best single teacher (chosen with labels)": max(accuracy(answers, truth) for answers in P),
    }

    def student_of(taught: Distilled, recipe: Recipe = recipe) -> float:
        student = train_student(recipe, data, folders=[folder], targets=taught.targets)
        answers = student.probabilities(encode(student.encoder, values_of(data.frame[test], recipe.task)))
        return accuracy(answers, truth)

    # Calculators see the unlabelled rows as the student's teacher does, and the test rows beside them.
    both = np.concatenate([panel.ask(data.frame[asked], None)[alone], P], axis=1)
    for method in ("majority",) if quick else (*CALCULATORS, *OUTSIDE):
        joined = (OUTSIDE.get(method) or relevance.METHODS[method])(both).probabilities[len(asked) :]
        rows[f"answers joined by {method}"] = accuracy(joined, truth)
    for method in ("uniform", "auto") if quick else TAUGHT:
        one = load_recipe(RECIPE, [*settings, f"relevance.method={method}"])
        taught = distil(one, data, folders=[folder], panel=panel)
        rows[f"student by {method}"] = student_of(taught, one)
        if method == "auto":
            rows["rank correlation"] = rank_correlation(taught, panel, data, asked, known)
            rows["expected accuracy, off by"] = abs(taught.trust["expected_accuracy"] - rows["student by auto"])
    rows["three flipped"] = student_of(distil(recipe, data, folders=[folder], panel=flipped(panel, seed)))
    if target in HARD or quick:
        with reviewed_table(data, asked, known, seed) as table:
            one = load_recipe(RECIPE, [*settings, f"relevance.reviewed={table}"])
            rows["100 reviewed"] = student_of(distil(one, data, folders=[folder], panel=panel), one)
    labelled = load_recipe(RECIPE, [*settings, "data.labels=all", "objective.losses={hard=1.0}",
                                    "training.metric=macro_f1"])  # fmt: skip
    own = prepare(labelled, folder, recipe_folder=RECIPE.parent)
    best = train_student(replace_teachers(labelled), own, folders=[folder])
    at = own.part("test")
    answers = best.probabilities(encode(best.encoder, values_of(own.frame[at], recipe.task)))
    rows["upper bound: with the target's labels"] = accuracy(answers, own.labels[at])
    return rows


def accuracy(answers: np.ndarray, truth: np.ndarray) -> float:
    return float((answers.argmax(axis=1) == truth).mean())


def replace_teachers(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"teachers": []})


def labels_of(folder: Path, target: str, data: Dataset) -> np.ndarray:
    """Return every row's label, for evaluating what is known of the unlabelled rows; -1 where the table has none."""
    table = pl.read_csv(folder / "reviews.csv").filter(pl.col("domain") == target)
    of = dict(zip(table["text"].to_list(), table["label"].to_list(), strict=True))
    return np.array([of.get(text, -1) for text in data.frame["text"].to_list()])


def rank_correlation(taught: Distilled, panel: Panel, data: Dataset, asked: np.ndarray, known: np.ndarray) -> float:
    """Spearman's correlation of the relevances with the teachers' accuracies on the rows that they were asked about."""
    from scipy.stats import spearmanr

    relevances = [teacher["relevance"] for teacher in taught.trust["teachers"]]
    P = panel.ask(data.frame[asked], None)
    return float(spearmanr(relevances, [accuracy(answers, known[asked]) for answers in P])[0])


def flipped(panel: Panel, seed: int) -> Panel:
    chosen = np.random.default_rng(seed).choice(len(panel.teachers), FLIPPED, replace=False)
    teachers = [Flip(teacher) if k in chosen else teacher for k, teacher in enumerate(panel.teachers)]
    return replace(panel, teachers=teachers)


class reviewed_table:  # noqa: N801 - used like a function
    """A table of rows that a person has labelled: drawn at random among the unlabelled ones."""

    def __init__(self, data: Dataset, asked: np.ndarray, known: np.ndarray, seed: int) -> None:
        chosen = np.random.default_rng(seed).choice(asked, min(REVIEWED, len(asked) // 2), replace=False)
        self.frame = data.frame[np.sort(chosen)].select("text").with_columns(label=known[np.sort(chosen)])
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Path:
        file = Path(self.folder.name) / "reviewed.csv"
        self.frame.write_csv(file)
        return file

    def __exit__(self, *_: object) -> None:
        self.folder.cleanup()


def figures(found: dict[tuple[str, int], dict[str, float]]) -> list[Figure]:
    """Return the page's rows: each method's mean over targets, by seed."""
    targets = [target for target in DOMAINS if any(key[0] == target for key in found)]
    hard = [target for target in targets if target in HARD] or targets
    seeds = sorted({seed for _, seed in found})

    def by_seed(name: str, among: Sequence[str]) -> list[float]:
        return [float(np.mean([found[target, seed][name] for target in among])) for seed in seeds]

    def mean(name: str, target: str) -> float:
        return float(np.mean([found[target, seed][name] for seed in seeds]))

    def losses(of: Callable[[dict[str, float]], float], among: Sequence[str]) -> list[float]:
        return [100 * float(np.mean([of(found[target, seed]) for target in among])) for seed in seeds]

    def figure(name: str, values: list[float], better: str = "higher", unit: str = "", **more: Any) -> Figure:
        return Figure(
            subject="distil", name=name, unit=unit, better=better, command=COMMAND, **over_seeds(values), **more
        )

    uniform = {
        among: float(np.mean(by_seed("uniform average", part))) for among, part in (("all", targets), ("hard", hard))
    }
    worst = {target: 100 * (mean("uniform average", target) - mean("student by auto", target)) for target in targets}
    last = max(worst, key=lambda target: worst[target])
    out = [
        figure("reviews cold start, student by auto: accuracy, mean of ten targets", by_seed("student by auto", targets),
               floor=0.875, aim=0.900, baseline=uniform["all"], note="baseline is the teachers' uniform average."),
        figure("reviews cold start, student by auto: 书籍 蒙牛 计算机 酒店", by_seed("student by auto", hard),
               floor=0.820, aim=0.870, baseline=uniform["hard"]),
        figure("the target furthest below its uniform average, by", [worst[last]], "lower", "points",
               floor=1.0, aim=0.3, note=f"it is {last}; mean of the seeds."),
        figure("three of nine teachers label-flipped: loss of the student",
               losses(lambda row: row["student by auto"] - row["three flipped"], targets), "lower", "points",
               floor=1.5, aim=0.5),
        figure("100 reviewed labels: gain over auto on the four hard targets",
               losses(lambda row: row["100 reviewed"] - row["student by auto"], hard), unit="points", floor=2.0, aim=4.0),
        figure("rank correlation of relevance with the teachers' accuracy, mean over targets",
               by_seed("rank correlation", targets), floor=0.7, aim=0.9),
        figure("expected accuracy of the trust report: distance from the student's", by_seed("expected accuracy, off by", targets), "lower"),
    ]  # fmt: skip
    shown = {"student by auto", "rank correlation", "expected accuracy, off by", "three flipped", "100 reviewed"}
    for name in next(iter(found.values())):
        if name not in shown:
            over_hard = float(np.mean(by_seed(name, hard)))
            note = f"{over_hard:.4f} over the four hard targets."
            out.append(figure(f"reviews cold start, {name}", by_seed(name, targets), note=note))
    return out
