"""Do explanations name what drove an answer? Removing the named parts against random parts of equal size.

For each kind a small model is trained, rows that it has not seen are explained, and about a seventh of each row is
removed: the parts that are named first, or parts at random (the mean of several draws). What the probability of the
answered class loses is compared (deletion, Samek et al. 2017). Methods and sizes were chosen on valid rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import limbeck
from benchmarks.figures import ROOT, Figure
from limbeck.dataset.prepare import prepare
from limbeck.kinds.explanation import Explanation, Part
from limbeck.kinds.image.decode import upright
from limbeck.kinds.select import values_of
from limbeck.kinds.text.words import word_spans
from limbeck.recipe import Recipe, load_recipe, parse_recipe

COMMAND = "make bench ONLY=explain"
DRAWS = 5
FLOOR = 3.0
Parts = list[list[Part]]


@dataclass(frozen=True)
class Study:
    """One model to explain: how it is trained, on which rows it is judged, and which share of a row is removed."""

    name: str
    kind: str
    recipe: Callable[[Path, bool], tuple[Recipe, Path]]
    rows: int
    share: float
    top: int


def measure(data: Path, *, quick: bool) -> list[Figure]:
    return [figure(study, *drops(study, data, "test", quick)) for study in STUDIES]


def figure(study: Study, named: float, at_random: float, rows: int) -> Figure:
    note = f"{rows} test rows, {100 * study.share:.0f} % of each removed: the probability of the answered class falls by {named:.4f} without the named parts, by {at_random:.4f} without random ones (mean of {DRAWS} draws)."
    return Figure(
        "explain", f"{study.name}: drop without the named parts over drop without random ones", named / max(at_random, 1e-4),
        "times", "higher", COMMAND, floor=FLOOR, note=note,
    )  # fmt: skip


def drops(study: Study, data: Path, part: str, quick: bool) -> tuple[float, float, int]:
    """Return by how much the answered class's probability falls on average: named parts, random parts; and the rows."""
    recipe, folder = study.recipe(data, quick)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = limbeck.train(recipe, data=folder, out=Path(scratch, "bundle")).bundle
        found = prepare(recipe, folder)
        places = np.random.default_rng(0).permutation(found.part(part))[: 12 if quick else study.rows]
        with limbeck.load(bundle) as classifier:
            return compared(study, classifier, found.frame[np.sort(places)], 1 if quick else DRAWS)


def compared(study: Study, classifier: Any, frame: pl.DataFrame, draws: int) -> tuple[float, float, int]:
    explain = import_module(f"limbeck.kinds.{study.kind}.explain")
    rows = values_of(frame, classifier.manifest.task)
    told = classifier.explain(rows, top=study.top)
    named, sizes = zip(*(chosen(study, one, row) for one, row in zip(told, each(rows), strict=True)), strict=True)
    whole = classifier.probabilities_of(rows)
    answered = classifier.decide(whole)

    def lost(parts: Sequence[Sequence[Part]]) -> float:
        p = classifier.probabilities_of(explain.removed(classifier.encoder, rows, parts))
        at = np.arange(len(p)), answered
        return float((whole[at] - p[at]).mean())

    random = np.random.default_rng(1)
    drawn = [
        [DRAW[study.kind](random, row, size, classifier) for row, size in zip(each(rows), sizes, strict=True)]
        for _ in range(draws)
    ]
    return lost(named), float(np.mean([lost(parts) for parts in drawn])), len(named)


def each(rows: Any) -> list[Any]:
    return [rows[at : at + 1] for at in range(rows.height)] if isinstance(rows, pl.DataFrame) else list(rows)


def chosen(study: Study, told: Explanation, row: Any) -> tuple[list[Part], list[Any]]:
    """Return the named parts that speak for the answer, up to the share of the row, and their sizes."""
    parts = [part for part in told.parts if part.weight > 0 and part.kind != "rhythm"]
    if study.kind != "text":
        parts = parts[: study.top]
        return parts, [part.where for part in parts]
    kept, left = [], study.share * len(row)
    for part in parts:
        if left > 0:
            kept.append(part)
            left -= part.where[1] - part.where[0]
    return kept, [part.where[1] - part.where[0] for part in kept]


def random_words(random: np.random.Generator, text: str, sizes: list[int]) -> list[Part]:
    """Return words at random, as many characters as are named or a few more."""
    spans, left, out = word_spans(text, len(text)), sum(sizes), []
    for at in random.permutation(len(spans)).tolist():
        if left > 0:
            out.append(Part("span", spans[at], 0.0))
            left -= spans[at][1] - spans[at][0]
    return out


def random_boxes(random: np.random.Generator, picture: Any, sizes: list[Any]) -> list[Part]:
    """Return boxes of the named sizes anywhere in the picture, no two of which overlap."""
    width, height = upright(picture).size
    out: list[Part] = []
    for x0, y0, x1, y1 in sizes:
        for _ in range(200):
            left, top = int(random.integers(0, width - (x1 - x0) + 1)), int(random.integers(0, height - (y1 - y0) + 1))
            box = (left, top, left + x1 - x0, top + y1 - y0)
            if not any(
                box[0] < o.where[2] and o.where[0] < box[2] and box[1] < o.where[3] and o.where[1] < box[3] for o in out
            ):
                break
        out.append(Part("box", box, 0.0))
    return out


def random_stretches(random: np.random.Generator, settings: Any, sizes: list[Any]) -> list[Part]:
    """Return stretches of the named lengths anywhere in the window, no two of which overlap in a lead."""
    out: list[Part] = []
    for start, end, _ in sizes:
        length = round((end - start) * settings.rate)
        for _ in range(200):
            first, lead = (
                int(random.integers(0, settings.samples - length + 1)),
                int(random.integers(len(settings.leads))),
            )
            place = (first / settings.rate, (first + length) / settings.rate, lead)
            if not any(place[2] == o.where[2] and place[0] < o.where[1] and o.where[0] < place[1] for o in out):
                break
        out.append(Part("stretch", place, 0.0))
    return out


def random_columns(random: np.random.Generator, row: Any, sizes: list[Any]) -> list[Part]:
    """Return as many columns as are named, of those that hold a value."""
    filled = [name for name in row.columns if row[name][0] is not None]
    return [
        Part("column", str(name), 0.0) for name in random.choice(filled, min(len(sizes), len(filled)), replace=False)
    ]


DRAW: dict[str, Any] = {
    "text": random_words,
    "image": random_boxes,
    "signal": random_stretches,
    "table": random_columns,
}
PLAIN: dict[str, Any] = {"evaluation": {"bootstrap": 0, "baseline": False}, "export": {"int8": "never"}}


def reviews(student: dict[str, Any], **given: dict[str, Any]) -> Callable[[Path, bool], tuple[Recipe, Path]]:
    def recipe(data: Path, quick: bool) -> tuple[Recipe, Path]:
        domains = ["蒙牛"] if quick else ["书籍", "酒店", "计算机"]
        raw: dict[str, Any] = {
            "task": {"kind": "text", "classes": {"0": "negative", "1": "positive"}},
            "data": {"train": "reviews.csv", "split": "split", "where": {"domain": domains}},
            "student": student, **given, **PLAIN,
        }  # fmt: skip
        raw["training"] = {"threads": 1, "epochs": 1 if quick else 3, **given.get("training", {})}
        return parse_recipe(raw), data / "reviews"

    return recipe


def signs(data: Path, quick: bool) -> tuple[Recipe, Path]:
    given = [
        "training.threads=1",
        "evaluation.bootstrap=0",
        f"training.epochs={1 if quick else 20}",
        "export.int8=never",
    ]
    given += ["student.widths=[4, 8]", "evaluation.baseline=false"] if quick else ["evaluation.baseline=false"]
    return load_recipe(ROOT / "recipes" / "traffic-signs.toml", given), data / "traffic-signs"


def hearts(data: Path, quick: bool) -> tuple[Recipe, Path]:
    given = [
        "teachers=[]",
        "objective.losses={hard=1.0}",
        "training.threads=1",
        "evaluation.bootstrap=0",
        "evaluation.baseline=false",
        f"training.epochs={1 if quick else 2}",
    ]
    if quick:
        given += ['data.where.record=["100","106","119","203","208","209","213","222","233"]', "student.hidden=8"]
    return load_recipe(ROOT / "recipes" / "ecg.toml", given), data / "ecg"


def bots(data: Path, quick: bool) -> tuple[Recipe, Path]:
    columns = pl.read_csv(data / "accounts" / "twitter_bands.csv", n_rows=1).columns
    raw: dict[str, Any] = {
        "task": {"kind": "table", "input": [name for name in columns if name not in ("band", "label")]},
        "data": {"train": "twitter_bands.csv", "split": {"valid": 0.2, "test": 0.2}, "duplicates": "keep", "leakage": "warn"},
        "input": {"scaling": "quantile"},
        "student": {"network": "mlp", "hidden": 32, "dropout": 0.3},
        "training": {"epochs": 1 if quick else 20, "batch_size": 32, "learning_rate": 3e-3, "threads": 1},
        **PLAIN,
    }  # fmt: skip
    return parse_recipe(raw), data / "accounts"


STUDIES = (
    Study("texts, linear n-grams", "text", reviews({"network": "ngram"}, input={"encoder": "ngrams"}), 400, 0.15, 60),
    Study("texts, GRU", "text", reviews({"network": "gru", "embedding": 64, "hidden": 32}, input={"encoder": "characters", "max_length": 192}, training={"learning_rate": 3e-3, "batch_size": 128}), 400, 0.15, 60),
    Study("pictures, convolutions", "image", signs, 400, 0.19, 3),
    Study("heartbeats, CNN-LSTM", "signal", hearts, 400, 0.17, 2),
    Study("accounts, multi-layer perceptron", "table", bots, 400, 0.14, 2),
)  # fmt: skip
