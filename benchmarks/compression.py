"""Several text classifiers compressed into one student: an SVM, n-grams, a text CNN and a GRU teach on Weibo21."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import limbeck
from benchmarks.fake_news import QUICK
from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck import relevance
from limbeck.dataset.prepare import prepare
from limbeck.metrics.measure import measure as metrics_of
from limbeck.recipe import Recipe, Teacher, load_recipe
from limbeck.training.distill.panel import seat

COMMAND = "make bench ONLY=compression"
RECIPE = ROOT / "recipes" / "fake-news.toml"
TEACHERS = {
    "n-gram": ["student.network=ngram"],
    "text CNN": ["student.network=textcnn", "input.wide=false"],
    "GRU": ["student.network=gru", "input.wide=false", "training.epochs=4", "training.learning_rate=2e-3"],
}
TRUSTED = ("sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")
LOSSES = ["objective.losses={hard=0.5,distil=0.5}", "objective.temperature={start=3.0,decay=0.7,every=1,floor=1.0}"]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    found = [study(data / "fake-news", seed, quick) for seed in range(1 if quick else 3)]
    single = {name: float(np.mean([row[name] for row in found])) for name in (*TEACHERS, "SVM") if name in found[0]}
    best = max(single, key=lambda name: single[name])

    def figure(title: str, name: str, **more: Any) -> Figure:
        values = over_seeds([row[name] for row in found])
        return Figure(subject="distil", name=title, unit="", better="higher", command=COMMAND, **values, **more)

    return [
        figure("four text teachers to one student, weibo21: macro-F1", "student", floor=single[best], baseline=single[best],
               note=f"floor and baseline are the best single teacher of the same run, the {best}."),
        *(figure(f"compression: {name}", name) for name in found[0] if name != "student"),
    ]  # fmt: skip


def study(folder: Path, seed: int, quick: bool) -> dict[str, float]:
    """Return macro-F1 on test of the teachers, their average, the student, and the student without them."""
    common = [f"training.seed={seed}", "evaluation.bootstrap=0", "evaluation.baseline=false", *(QUICK if quick else [])]
    wanted = {"n-gram": TEACHERS["n-gram"]} if quick else TEACHERS
    rows: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        specs = []
        for name, settings in wanted.items():
            out = Path(scratch, name.replace(" ", "-"))
            settings = [*(one for one in common if not (quick and one.startswith("student."))), *settings]
            rows[name] = limbeck.train(RECIPE, data=folder, out=out, settings=settings).metrics["macro_f1"]
            specs.append(Teacher(name=name, source=f"bundle:{out}"))
        recipe = load_recipe(RECIPE, [*common, *LOSSES])
        data = prepare(recipe, folder, recipe_folder=RECIPE.parent)
        made = svm(data, Path(scratch, "svm.skops"))
        specs.append(Teacher(name="SVM", source=f"sklearn:{made}", options={"trust": list(TRUSTED)}))
        recipe = recipe.model_copy(update={"teachers": specs})
        test = data.part("test")
        P = seat(recipe, data.classes, [folder]).ask(data.frame[test], None)
        rows["SVM"] = macro_f1(P[-1], data)
        rows["average of the teachers"] = macro_f1(relevance.uniform_logit(P).probabilities, data)
        rows["student"] = taught(recipe, folder, Path(scratch, "student"))
        alone = load_recipe(RECIPE, common)
        rows["student without teachers"] = taught(alone, folder, Path(scratch, "alone"))
    return rows


def taught(recipe: Recipe, folder: Path, out: Path) -> float:
    return float(limbeck.train(recipe, data=folder, out=out).metrics["macro_f1"])


def macro_f1(answers: np.ndarray, data: Any) -> float:
    test = data.part("test")
    return float(metrics_of(data.labels[test], answers, data.classes, bootstrap=0)["macro_f1"])


def svm(data: Any, file: Path) -> Path:
    """Fit TF-IDF and a linear SVM on train, its probabilities by Platt scaling, and keep it the safe way."""
    import skops.io
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    train = data.part("train")
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
    model = make_pipeline(vectors, CalibratedClassifierCV(LinearSVC(C=1.0), cv=3))
    texts = data.frame[train]["content"].cast(pl.String).fill_null("").to_list()
    names = np.array(data.classes)[data.labels[train]]
    skops.io.dump(model.fit(texts, names), file)
    return file
