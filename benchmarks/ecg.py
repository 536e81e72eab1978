"""MIT-BIH heartbeats, DS1 to DS2: the CNN-LSTM with and without teachers, boosting, and the speed of whole records.

DS2 is scored once for each line. Recipe and features were chosen inside DS1, by patient-wise folds.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import limbeck
from benchmarks.few_rows import few_hearts
from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck.bundle.classifier import Classifier
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import prepare
from limbeck.kinds.signal.baseline import signal_baseline
from limbeck.metrics.curves import roc_auc
from limbeck.metrics.measure import measure as metrics_of
from limbeck.recipe import Recipe, load_recipe, override
from limbeck.training.distill.distill import distil
from limbeck.training.finish import finish
from limbeck.training.student import train_student

COMMAND = "make bench ONLY=ecg"
RECIPE = ROOT / "recipes" / "ecg.toml"
FIVE = ("N", "S", "V", "F", "Q")
LIGHT = [
    "training.epochs=1",
    "student.width=8",
    'data.where.record=["106","119","208","209","213","222","233"]',
    'teachers=[{name="boosting",source="trained:boosting",options={folds=2}}]',
]
LEAN = ["evaluation.bootstrap=0", "evaluation.baseline=false"]
SPECIFICITY = 0.90


def measure(data: Path, *, quick: bool) -> list[Figure]:
    seeds = (0,) if quick else (0, 1, 2)
    folder = data / "ecg"
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        if quick:
            folder = few_hearts(folder, Path(scratch, "ecg"), 40)
        rows = prepare(recipe_of(quick), folder)
        published = prepare(recipe_of(quick, "data.leakage=warn"), folder)
        five = prepare(recipe_of(quick, f"task.classes={list(FIVE)}"), folder)
        leaking = 'data.split={group="beat",valid=0.1,test=0.3}'
        mixed = prepare(recipe_of(quick, leaking), folder)
        for seed in seeds:
            started = time.monotonic()
            found.append(study(Path(scratch, str(seed)), rows, five, mixed, folder, seed, quick, leaking))
            print(f"seed {seed}, {time.monotonic() - started:.0f} s: {found[-1]}", flush=True)
        both = boosting(rows), boosting(published)
        last = Path(scratch, str(seeds[-1]))
        seconds, first = whole_record(last / "distilled", data / "ecg" / "wfdb", Path(scratch), 1 if quick else 5)
        faster, speed = speeds(last / "distilled", last / "teacher", rows, 3 if quick else 9)
    return figures(found, both, (seconds, first), (faster, speed))


def recipe_of(quick: bool, *settings: str) -> Recipe:
    return load_recipe(RECIPE, [*LEAN, *(LIGHT if quick else []), *settings])


def study(
    out: Path, rows: Dataset, five: Dataset, mixed: Dataset, folder: Path, seed: int, quick: bool, leaking: str
) -> dict[str, Any]:
    """Return one seed's figures; the bundles of teacher and distilled student stay in ``out``."""
    out.mkdir(parents=True)
    own = f"training.seed={seed}"
    whole = recipe_of(quick, own)
    alone = {"teachers": [], "objective.losses": {"hard": 1.0}}
    labels = override(whole, alone)
    teacher = override(recipe_of(quick, own, "student.network=resnet1d"), alone)
    taught = override(whole, {"teachers": [{"name": "resnet1d", "source": f"bundle:{out / 'teacher'}"}]})
    classes = override(recipe_of(quick, own, f"task.classes={list(FIVE)}"), alone)
    several = recipe_of(quick, own, leaking, *([] if quick else ["training.epochs=3"]))
    result: dict[str, Any] = {}
    for name, recipe, given in (
        ("whole", whole, rows), ("labels", labels, rows), ("teacher", teacher, rows), ("distilled", taught, rows),
        ("five", classes, five), ("mixed", several, mixed),
    ):  # fmt: skip
        p = scores(recipe, given, out / name, folder)
        test = given.part("test")
        if name == "five":
            told = metrics_of(given.labels[test], p, given.classes, bootstrap=0)
            result["five"] = {"macro_f1": told["macro_f1"], "per_class": told["per_class"]}
            four = [told["per_class"][label]["f1"] for label in FIVE[:4]]
            result["five"]["without_q"] = float(np.mean([value or 0.0 for value in four]))
        else:
            result[name] = beats(given, test, p)
    return result


def scores(recipe: Recipe, rows: Dataset, out: Path, folder: Path) -> np.ndarray:
    """Train, export through the gate, and return the bundle's probabilities of the test rows."""
    targets = distil(recipe, rows, folders=[folder], cache=out.parent / "cache").targets if recipe.teachers else None
    student = train_student(recipe, rows, folders=[folder], targets=targets)
    finish(recipe, rows, student, out)
    with Classifier(out) as classifier:
        return classifier.predict_proba(rows.frame[rows.part("test")])


def beats(rows: Dataset, test: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return AUC of abnormal against N, and the recall of S and V where 90 % of N pass."""
    score = p[:, rows.classes.index("abnormal")]
    label = np.array(rows.frame["label"].to_list(), dtype=object)[test]
    cut = np.quantile(score[label == "N"], SPECIFICITY)
    found = {"auc": float(roc_auc(label != "N", score) or 0.0)}
    return found | {name: float((score[label == name] > cut).mean()) if (label == name).any() else 0.0 for name in "SV"}


def boosting(rows: Dataset) -> dict[str, float]:
    """Return what boosting on the same input reaches; it gets valid too, as it chooses nothing there."""
    recipe = load_recipe(RECIPE)
    learned, test = np.flatnonzero(np.isin(rows.split, ["train", "valid"])), rows.part("test")
    p, _ = signal_baseline(recipe.input, rows.frame[learned], rows.labels[learned], rows.frame[test], len(rows.classes))
    return beats(rows, test, p)


def whole_record(bundle: Path, records: Path, scratch: Path, times: int) -> tuple[float, float]:
    """Return the median and the first time of `predict` on 30 minutes of two leads without annotations, in seconds."""
    place = scratch / "record"
    place.mkdir()
    for ending in ("hea", "dat"):
        shutil.copy(records / f"100.{ending}", place)
    first = seconds(lambda: limbeck.predict(bundle, place / "100.hea", scratch / "beats.csv", quiet=True))
    again = [
        seconds(lambda: limbeck.predict(bundle, place / "100.hea", scratch / "beats.csv", quiet=True))
        for _ in range(times)
    ]
    return statistics.median(again), first


def speeds(student: Path, teacher: Path, rows: Dataset, times: int) -> tuple[float, float]:
    """Return how many times the student's beats a second are the teacher's, and the student's, medians taken in turn."""
    frame = rows.frame[rows.part("test")]
    taken: list[list[float]] = [[], []]
    with Classifier(student, threads=1) as fast, Classifier(teacher, threads=1) as slow:
        for classifier in (fast, slow):
            classifier.predict_proba(frame[:256])
        for _ in range(times):
            for at, classifier in enumerate((fast, slow)):
                taken[at].append(seconds(lambda c=classifier: c.predict_proba(frame)))
    quick, late = (statistics.median(values) for values in taken)
    return late / quick, frame.height / quick


def seconds(what: Callable[[], Any]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def figures(
    found: Sequence[dict[str, Any]], both: tuple[dict[str, float], dict[str, float]], record: tuple[float, float],
    speed: tuple[float, float],
) -> list[Figure]:  # fmt: skip
    tree, published = both

    def of(name: str, key: str) -> dict[str, Any]:
        return over_seeds([one[name][key] for one in found])

    def per_class(key: str) -> str:
        shares = {label: [one["five"]["per_class"][label][key] or 0.0 for one in found] for label in FIVE}
        return ", ".join(f"{label} {statistics.fmean(values):.3f}" for label, values in shares.items())

    gap = [one["distilled"]["auc"] - one["teacher"]["auc"] for one in found]
    no_one = "patients disjoint: record 201, of one man with DS2's 202, is left out of DS1"
    return [
        Figure("signals", "MIT-BIH DS1 to DS2, N against the rest, CNN-LSTM, AUC", **of("whole", "auc"), unit="",
               better="higher", command=COMMAND, floor=0.930, aim=0.960, baseline=tree["auc"],
               note=f"{no_one}; the baseline is gradient boosting on the same input and rows, {published['auc']:.4f} with 201."),
        *(Figure("signals", f"the same: recall of {name} at 90 % specificity", **of("whole", name), unit="",
                 better="higher", command=COMMAND, floor=floor, aim=aim, baseline=tree[name])
          for name, floor, aim in (("S", 0.55, 0.76), ("V", 0.98, 0.99))),
        *(Figure("signals", f"the same, {what}: {name}", **of(key, one), unit="", better="higher", command=COMMAND, baseline=tree[one],
                 floor=floor if key == "distilled" else None, aim=aim if key == "distilled" else None,
                 note="for comparison: the recipe learns from labels and boosting, asked about patients that it has not learned."
                 if (key, one) == ("labels", "auc") else "")
          for key, what in (("labels", "from labels alone"), ("distilled", "from labels and resnet1d"))
          for one, name, floor, aim in (("auc", "AUC", 0.930, 0.960), ("S", "recall of S at 90 % specificity", 0.55, 0.76),
                                        ("V", "recall of V at 90 % specificity", 0.98, 0.99))),
        Figure("signals", "distilled CNN-LSTM less its resnet1d teacher, AUC", **over_seeds(gap), unit="", better="higher",
               command=COMMAND, floor=-0.01, baseline=statistics.fmean(one["teacher"]["auc"] for one in found),
               note="the baseline is the teacher's AUC."),
        Figure("signals", "beats a second from the bundle, distilled CNN-LSTM over resnet1d", speed[0], "×", "higher", COMMAND,
               floor=5.0, baseline=f"{speed[1]:,.0f} beats/s", note="one thread, encoding included; medians in one run."),
        Figure("signals", "AAMI five classes, DS1 to DS2, macro-F1", **of("five", "macro_f1"), unit="", better="higher",
               command=COMMAND, note=f"from labels alone; sensitivity {per_class('recall')}; precision {per_class('precision')}; without Q, of which "
               f"there are 8 beats to learn from, {statistics.fmean(one['five']['without_q'] for one in found):.3f}. On beats capped by record."),
        Figure("signals", "LEAKING: beats of the same patients in train and test, N against the rest, AUC", **of("mixed", "auc"),
               unit="", better="higher", command=COMMAND, note="shown beside the honest figure; it says how well patients are known."),
        Figure("signals", "`predict` of a 30-minute record of two leads without annotations", record[0], "s", "lower", COMMAND,
               floor=2.0, note=f"R peaks found, one row a beat; {record[1]:.2f} s the first time, which loads the package wfdb."),
    ]  # fmt: skip
