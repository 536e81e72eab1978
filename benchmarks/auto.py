"""Rows without a recipe: `limbeck train TABLE --label COLUMN` against the best plain model of scikit-learn, chosen on valid.

Both learn from the same rows of train; the plain models are fitted again on train and valid once one is chosen, as Limbeck's
are. Nothing but the label's name is given. Where a set has no parts of its own, its parts are those that Limbeck draws.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import limbeck
from benchmarks.figures import Figure, over_seeds
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import prepare
from limbeck.kinds.image.baseline import features as picture_features
from limbeck.kinds.image.reading.files import pictures_of, quiet_pillow
from limbeck.kinds.image.reading.kept_squares import SIDE, small_square
from limbeck.kinds.signal.baseline import features as signal_features
from limbeck.kinds.table.baseline import features as table_features
from limbeck.kinds.table.encode import TableInput
from limbeck.recipe import Input, Recipe, load_recipe

COMMAND = "make bench ONLY=auto"
SEEDS = int(os.environ.get("LIMBECK_SEEDS", "3"))
ONLY = os.environ.get("LIMBECK_SETS", "")
QUICK = [
    "selection.folds=2", "selection.repeats=1", "evaluation.leave_out.folds=2",
    "selection.candidates.network.training.epochs=2",
]  # fmt: skip
THUMBNAIL = 16  # pixels of a side of the pictures that plain models see
TREES = 300  # of a plain forest
LARGE = 500  # test rows from which on a set is held to half a point
Source = Callable[[int], "pl.DataFrame | Path"]


@dataclass(frozen=True)
class Set:
    """A set of rows: its name, the label's column (None: found), and the rows of a seed."""

    name: str
    label: str | None
    rows: Source


def measure(data: Path, *, quick: bool) -> list[Figure]:
    found: dict[str, list[dict[str, float]]] = {}
    for one in sets(data):
        if (quick and one.name != "wine") or (ONLY and one.name not in ONLY.split(",")):
            continue
        for seed in range(1 if quick else SEEDS):
            found.setdefault(one.name, []).append(compared(one, seed, quick))
            print(one.name, seed, {key: round(value, 4) for key, value in found[one.name][-1].items()}, flush=True)
    return figures(found)


def sets(data: Path) -> Iterator[Set]:
    """Yield the sets."""
    from sklearn import datasets

    for name in ("wine", "digits", "breast_cancer"):
        loaded = getattr(datasets, f"load_{name}")(as_frame=True)
        columns = {str(column): loaded.data[column].to_numpy() for column in loaded.data}
        frame = pl.DataFrame({**columns, "target": [str(loaded.target_names[k]) for k in loaded.target]})
        yield Set(name, "target", lambda _, frame=frame: frame)
    accounts = pl.read_csv(data / "accounts" / "accounts.csv")
    for name in accounts["scenario"].unique().sort():
        part = accounts.filter(pl.col("scenario") == name).drop("scenario")
        yield Set(f"accounts {name}", "label", lambda _, part=part: part)
    bands = pl.read_csv(data / "accounts" / "twitter_bands.csv")
    yield Set("twitter_bands", "label", lambda _: bands)
    reviews = pl.read_csv(data / "reviews" / "reviews.csv").select("text", "label")
    yield Set("3,000 rows of reviews", "label", lambda seed: reviews.sample(3000, seed=seed, shuffle=True))
    english = pl.read_csv(data / "reviews-en" / "reviews.csv")
    for name in english["domain"].unique().sort():
        rows = english.filter(pl.col("domain") == name).select("text", "label", "split")
        yield Set(f"reviews-en {name}", "label", lambda _, rows=rows: rows)
    yield Set("weibo21", "label", lambda _: data / "fake-news" / "weibo21.csv")
    yield Set("ECG200", None, lambda _: data / "ecg" / "ucr")
    yield Set("MIT-BIH beats, DS1 to DS2", None, lambda _: data / "ecg" / "mitbih_beats.npz")
    yield Set("faces", "label", lambda _: data / "faces" / "index.csv")
    yield Set("traffic-signs", None, lambda _: data / "traffic-signs")


def compared(one: Set, seed: int, quick: bool) -> dict[str, float]:
    """Return macro-F1 of the bundle and of the best plain model on test, and what else is told of the bundle."""
    rows = one.rows(seed)
    more = [f"training.seed={seed}", "evaluation.bootstrap=0", *(QUICK if quick else [])]
    with tempfile.TemporaryDirectory() as scratch:
        out, started = Path(scratch, "bundle"), time.perf_counter()
        trained = limbeck.train(rows, label=one.label, out=out, settings=more)
        seconds = time.perf_counter() - started
        recipe = load_recipe(out / "recipe.toml")
        size = sum(file.stat().st_size for file in out.iterdir() if file.name not in ("report.html", "reference.json"))
    memory = rows if isinstance(rows, pl.DataFrame) else None
    folder = None if memory is not None else rows if rows.is_dir() else rows.parent
    dataset = prepare(recipe, folder, memory=memory)
    test = dataset.part("test")
    return {
        "limbeck": float(trained.metrics["macro_f1"]), "plain": best_plain(recipe, dataset, seed), "rows": len(test),
        "ece": float(trained.metrics["ece"]), "seconds": seconds, "bytes": size,
    }  # fmt: skip


def best_plain(recipe: Recipe, data: Dataset, seed: int) -> float:
    """Return the macro-F1 on test of the plain model that is best on valid, fitted on train and valid."""
    train, valid, test = (data.part(name) for name in ("train", "valid", "test"))
    plain = PLAIN[recipe.task.rows](recipe, data)
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (model, values) in plain(seed).items():
            fitted = clone(model).fit([values[k] for k in train], data.labels[train])
            scores[name] = macro_f1(fitted, values, data, valid)
        model, values = plain(seed)[max(scores, key=lambda name: scores[name])]
        both = np.concatenate([train, valid])
        return macro_f1(clone(model).fit([values[k] for k in both], data.labels[both]), values, data, test)


def macro_f1(model: Any, values: Any, data: Dataset, rows: np.ndarray) -> float:
    return float(f1_score(data.labels[rows], model.predict([values[k] for k in rows]), average="macro"))


def of_texts(recipe: Recipe, data: Dataset) -> Callable[[int], dict[str, Any]]:  # noqa: ARG001 - as for all kinds
    ways = {
        "characters 1-3": {"analyzer": "char", "ngram_range": (1, 3)},
        "characters 2-5 in words": {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 2},
        "words 1-2": {"ngram_range": (1, 2)},
    }
    return lambda seed: {
        f"{name}, {kind}": (make_pipeline(TfidfVectorizer(sublinear_tf=True, **way), model), data.texts)
        for name, way in ways.items()
        for kind, model in (
            ("SVM", LinearSVC(random_state=seed)), ("logistic", LogisticRegression(C=10, max_iter=300))
        )
    }  # fmt: skip


def of_columns(values: np.ndarray) -> Callable[[int], dict[str, Any]]:
    def models(seed: int) -> dict[str, Any]:
        scaled = make_pipeline(SimpleImputer(), StandardScaler())
        return {
            "logistic": (make_pipeline(*scaled, LogisticRegression(max_iter=500)), values),
            "SVM": (make_pipeline(*scaled, SVC()), values),
            "boosting": (HistGradientBoostingClassifier(random_state=seed), values),
            "random forest": (make_pipeline(SimpleImputer(), RandomForestClassifier(TREES, random_state=seed)), values),
            "extra trees": (make_pipeline(SimpleImputer(), ExtraTreesClassifier(TREES, random_state=seed)), values),
        }

    return models


def of_tables(recipe: Recipe, data: Dataset) -> Callable[[int], dict[str, Any]]:
    frame = data.frame.select(recipe.task.inputs)
    return of_columns(table_features(TableInput.fit(Input(), frame[data.part("train")]), frame))


def of_signals(recipe: Recipe, data: Dataset) -> Callable[[int], dict[str, Any]]:
    return of_columns(signal_features(recipe.input, data.frame))


def of_pictures(recipe: Recipe, data: Dataset) -> Callable[[int], dict[str, Any]]:
    """Return plain models of the report's picture features, and of the pixels of a small colour picture."""
    pictures = pictures_of(data.frame, recipe.task)
    with quiet_pillow():
        small = np.stack([np.asarray(small_square(one, 0.0)) for one in pictures])
    cell = SIDE // THUMBNAIL
    small = small.reshape(len(small), THUMBNAIL, cell, THUMBNAIL, cell, 3).mean(axis=(2, 4))
    described, seen = of_columns(picture_features(pictures, recipe.input)), of_columns(small.reshape(len(small), -1))
    return lambda seed: {
        f"{name}, {kind}": model
        for name, models in (("features", described), ("pixels", seen))
        for kind, model in models(seed).items() if kind != "boosting"  # hours on many classes
    }  # fmt: skip


PLAIN = {"text": of_texts, "table": of_tables, "signal": of_signals, "image": of_pictures}


def figures(found: dict[str, list[dict[str, float]]]) -> list[Figure]:
    """Return the page's rows."""

    def figure(name: str, unit: str, better: str, values: list[float], **more: Any) -> Figure:
        return Figure("auto", name, unit=unit, better=better, command=COMMAND, **over_seeds(values), **more)

    out, gains = [], {}
    for name, runs in found.items():
        gains[name] = [100 * (one["limbeck"] - one["plain"]) for one in runs]
        out.append(figure(
            f"{name}: macro-F1", "", "higher", [one["limbeck"] for one in runs],
            baseline=float(np.mean([one["plain"] for one in runs])),
            note=f"{runs[0]['rows']:.0f} test rows; ECE {np.mean([one['ece'] for one in runs]):.3f}, "
            f"{np.mean([one['bytes'] for one in runs]) / 1e6:.1f} MB.",
        ))  # fmt: skip
    large = [name for name, runs in found.items() if runs[0]["rows"] >= LARGE]
    seeds = range(min(len(runs) for runs in found.values()))
    out.append(figure("all sets: macro-F1 less that of the best plain model, mean", "points", "higher",
                      [float(np.mean([gains[name][seed] for name in gains])) for seed in seeds], floor=1.0, aim=2.0))  # fmt: skip
    if large:
        last = min(large, key=lambda name: float(np.mean(gains[name])))
        out.append(figure("sets of 500 test rows and more: the one furthest below", "points", "higher", gains[last],
                          floor=-0.5, aim=0.0, note=f"it is {last}."))  # fmt: skip
        worst = max(large, key=lambda name: float(np.mean([one["ece"] for one in found[name]])))
        out.append(figure("the same: largest ECE", "", "lower", [one["ece"] for one in found[worst]], floor=0.05, aim=0.03,
                          note=f"it is {worst}."))  # fmt: skip
    biggest = max(found, key=lambda name: max(one["bytes"] for one in found[name]))
    out.append(figure("largest bundle", "MB", "lower", [one["bytes"] / 1e6 for one in found[biggest]], floor=10.0, aim=3.0,
                      note=f"it is {biggest}."))  # fmt: skip
    return out
