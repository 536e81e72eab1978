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
from benchmarks.traffic_signs import few_classes
from limbeck.dataset.prepare import prepare
from limbeck.kinds.explanation import Explanation, Part
from limbeck.kinds.image.reading.decode import upright
from limbeck.kinds.select import values_of
from limbeck.kinds.text.explaining.words import word_spans
from limbeck.recipe import Recipe, load_recipe, parse_recipe

COMMAND = "make bench ONLY=explain"
ROWS, DRAWS = 400, 5
FLOOR = 3.0  # times
LEAST = 1e-4  # a drop by chance below this would make any ratio


@dataclass(frozen=True)
class Study:
    """One model to explain: how it is trained, which share of a row is removed, and how many parts are asked for."""

    name: str
    kind: str
    recipe: Callable[[Path, Path, bool], tuple[Recipe, Path]]
    share: float
    top: int


def measure(data: Path, *, quick: bool) -> list[Figure]:
    studies = [study for study in STUDIES if not (quick and study.name == "texts, GRU")]
    return [figure(study, *drops(study, data, quick)) for study in studies]


def figure(study: Study, named: float, at_random: float, rows: int) -> Figure:
    share = f"{100 * study.share:.1f} %".replace(".0 ", " ")
    note = f"on {rows} test rows the probability of the answered class falls by {named:.4f} without the named parts, by {at_random:.4f} without random ones (mean of {DRAWS} draws); {share} of a row are removed."
    name = f"{study.name}: drop without the named parts over drop without random ones"
    return Figure("explain", name, named / max(at_random, LEAST), "times", "higher", COMMAND, floor=FLOOR, note=note)


def drops(study: Study, data: Path, quick: bool, part: str = "test") -> tuple[float, float, int]:
    """Return by how much the answered class's probability falls on average: named parts, random parts; and the rows."""
    with tempfile.TemporaryDirectory() as scratch:
        recipe, folder = study.recipe(data, Path(scratch), quick)
        bundle = limbeck.train(recipe, data=folder, out=Path(scratch, "bundle")).bundle
        found = prepare(recipe, folder)
        places = np.random.default_rng(0).permutation(found.part(part))[: 12 if quick else ROWS]
        with limbeck.load(bundle) as classifier:
            return compared(study, classifier, found.frame[np.sort(places)], 1 if quick else DRAWS)


def compared(study: Study, classifier: Any, frame: pl.DataFrame, draws: int) -> tuple[float, float, int]:
    """Return the mean drops, see `drops`, of one frame of rows."""
    explain = import_module(f"limbeck.kinds.{study.kind}.explain")
    rows = values_of(frame, classifier.manifest.task)
    singles = [rows[at : at + 1] for at in range(rows.height)] if isinstance(rows, pl.DataFrame) else list(rows)
    told = classifier.explain(rows, top=study.top)
    named = [chosen(study, one, row) for one, row in zip(told, singles, strict=True)]
    whole = classifier.probabilities_of(rows)
    answered = np.arange(len(whole)), classifier.decide(whole)

    def lost(parts: Sequence[Sequence[Part]]) -> float:
        p = classifier.probabilities_of(explain.removed(classifier.encoder, rows, parts))
        return float((whole[answered] - p[answered]).mean())

    random, draw, settings = np.random.default_rng(1), DRAW[study.kind], classifier.manifest.input
    drawn = [
        [draw(random, row, parts, settings) for row, parts in zip(singles, named, strict=True)] for _ in range(draws)
    ]
    return lost(named), float(np.mean([lost(parts) for parts in drawn])), len(named)


def chosen(study: Study, told: Explanation, row: Any) -> list[Part]:
    """Return the named parts that speak for the answer; of a text as many words as make up the share."""
    parts = [part for part in told.parts if part.weight > 0 and part.kind != "rhythm"]
    if study.kind != "text":
        return parts
    before = np.cumsum([0, *(part.where[1] - part.where[0] for part in parts)])
    return [part for part, there in zip(parts, before, strict=False) if there < study.share * len(row)]


def random_words(random: np.random.Generator, text: str, named: list[Part], settings: Any) -> list[Part]:
    """Return words at random, as many characters as are named or a few more."""
    del settings
    spans = random.permutation(np.array(word_spans(text, len(text)), dtype=int).reshape(-1, 2)).tolist()
    wanted = sum(part.where[1] - part.where[0] for part in named)
    before = np.cumsum([0, *(behind - first for first, behind in spans)])
    return [Part("span", tuple(span), 0.0) for span, there in zip(spans, before, strict=False) if there < wanted]


def random_boxes(random: np.random.Generator, picture: Any, named: list[Part], settings: Any) -> list[Part]:
    """Return boxes of the named sizes anywhere in the picture, no two of which overlap."""
    del settings
    across, down = upright(picture).size
    out: list[Part] = []
    for part in named:
        width, height = part.where[2] - part.where[0], part.where[3] - part.where[1]
        for _ in range(200):
            left, top = (int(random.integers(0, most + 1)) for most in (across - width, down - height))
            box = (left, top, left + width, top + height)
            if not any(
                box[0] < x1 and x0 < box[2] and box[1] < y1 and y0 < box[3] for x0, y0, x1, y1 in (o.where for o in out)
            ):
                break
        out.append(Part("box", box, 0.0))
    return out


def random_stretches(random: np.random.Generator, row: Any, named: list[Part], settings: Any) -> list[Part]:
    """Return stretches of the named lengths anywhere in the window, no two of which overlap in a lead."""
    del row
    signal, out = settings.signal, []
    for part in named:
        length = round((part.where[1] - part.where[0]) * signal.rate)
        for _ in range(200):
            first, lead = int(random.integers(0, signal.samples - length + 1)), int(random.integers(len(signal.leads)))
            place = (first / signal.rate, (first + length) / signal.rate, lead)
            if not any(
                lead == other and place[0] < end and start < place[1] for start, end, other in (o.where for o in out)
            ):
                break
        out.append(Part("stretch", place, 0.0))
    return out


def random_columns(random: np.random.Generator, row: Any, named: list[Part], settings: Any) -> list[Part]:
    """Return as many columns as are named, of those that hold a value."""
    del settings
    filled = [name for name in row.columns if row[name][0] is not None]
    return [Part("column", str(name), 0.0) for name in random.permutation(filled)[: len(named)]]


DRAW: dict[str, Any] = {
    "text": random_words, "image": random_boxes, "signal": random_stretches, "table": random_columns,
}  # fmt: skip
PLAIN: dict[str, Any] = {"evaluation": {"bootstrap": 0, "baseline": False}, "export": {"int8": "never"}}
QUIET = ["training.threads=1", "evaluation.bootstrap=0", "evaluation.baseline=false", "export.int8=never"]


def reviews(network: str) -> Callable[[Path, Path, bool], tuple[Recipe, Path]]:
    """Return what gives the recipe for a network on reviews."""
    sections = {
        "ngram": {"input": {"encoder": "ngrams"}, "student": {"network": "ngram"}, "training": {"epochs": 3}},
        "gru": {
            "input": {"encoder": "characters", "max_length": 192},
            "student": {"network": "gru", "embedding": 64, "hidden": 32},
            "training": {"epochs": 2, "learning_rate": 3e-3, "batch_size": 128},
        },
    }[network]
    sections["training"]["threads"] = 1

    def recipe(data: Path, scratch: Path, quick: bool) -> tuple[Recipe, Path]:
        task = {"kind": "text", "classes": {"0": "negative", "1": "positive"}}
        rows: dict[str, Any] = {
            "train": "reviews.csv",
            "split": "split",
            "where": {"domain": ["书籍", "酒店", "计算机"]},
        }
        if quick:
            some = pl.read_csv(data / "reviews" / "reviews.csv").filter(pl.col("domain").is_in(rows["where"]["domain"]))
            some.group_by("split", "label", maintain_order=True).head(100).write_csv(scratch / "reviews.csv")
        return parse_recipe({"task": task, "data": rows, **sections, **PLAIN}), scratch if quick else data / "reviews"

    return recipe


def signs(data: Path, scratch: Path, quick: bool) -> tuple[Recipe, Path]:
    given = [*QUIET, "training.epochs=1", "student.widths=[4, 8]"] if quick else [*QUIET, "training.epochs=20"]
    folder = few_classes(data / "traffic-signs", scratch) if quick else data / "traffic-signs"
    return load_recipe(ROOT / "recipes" / "traffic-signs.toml", given), folder


def hearts(data: Path, scratch: Path, quick: bool) -> tuple[Recipe, Path]:
    del scratch
    given = [*QUIET, "teachers=[]", "objective.losses={hard=1.0}", f"training.epochs={1 if quick else 2}"]
    given += ['data.where.record=["100","106","119","208","213","233"]', "student.hidden=8"] if quick else []
    return load_recipe(ROOT / "recipes" / "ecg.toml", given), data / "ecg"


def bots(data: Path, scratch: Path, quick: bool) -> tuple[Recipe, Path]:
    del scratch
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
    Study("texts, linear n-grams", "text", reviews("ngram"), 0.15, 60),
    Study("texts, GRU", "text", reviews("gru"), 0.15, 60),
    Study("pictures, convolutions", "image", signs, 2 / 16, 2),
    Study("heartbeats, CNN-LSTM", "signal", hearts, 2 / 12, 2),
    Study("accounts, multi-layer perceptron", "table", bots, 2 / 14, 2),
)
