"""Damaged WFDB records and pictures, 2,000 of each: answered and accounted for row by row, or rejected in one line.

Each damaged record and picture lies beside a healthy one in a folder. The folder goes through `limbeck.predict` (what
the verb calls) and through `prepare` (what `train` and `doctor` read rows with), all in this process. A defect is
whatever is no `LimbeckError`, a row that is neither answered nor rejected or is both, a healthy row that is lost, a
picture that `prepare` keeps and that cannot be encoded then, or a line that a library prints.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import limbeck
from benchmarks import damaged_media
from benchmarks.reliability_fuzz_tables import Found, attempt, cells, quiet
from limbeck.bundle.classifier import Classifier
from limbeck.dataset.prepare import prepare
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.reading.files import quiet_pillow
from limbeck.kinds.select import encode, values_of
from limbeck.recipe import Recipe, parse_recipe
from limbeck.tasks.anomaly.pixel_metrics import mask_of

COMMAND = "make bench ONLY=reliability_fuzz_media"
LONGEST = 20.0  # seconds that one file may take


def measure(data: Path, *, quick: bool) -> list[Any]:
    """Return for records and for pictures the number of defects."""
    from benchmarks.figures import Figure

    del data
    figures = []
    count = 30 if quick else 2000
    with tempfile.TemporaryDirectory(prefix="limbeck-fuzz-") as home:
        for kind, made, tried in (("WFDB", _records, _record), ("pictures", _pictures, _picture)):
            place = Path(home) / kind
            with Classifier(made(place)) as classifier:
                found = fuzzed(kind, count, place / "work", classifier, tried)
            print(kind, dict(found.counts), f"{found.seconds:.0f} s, slowest {found.slowest:.1f} s", flush=True)
            for line in found.defects[:20]:
                print("  ", line, flush=True)
            note = (
                f"{count:,} of them, each beside a healthy one; {found.counts['rows']:,} rows answered, "
                f"{found.counts['rejected']:,} rejected with a reason"
            )
            name = f"damaged {kind}: defects (exit 1, rows lost or doubled, lines of libraries)"
            figures.append(Figure("reliability", name, len(found.defects), "", "lower", COMMAND, floor=0, note=note))
    return figures


def fuzzed(
    kind: str, count: int, folder: Path, classifier: Classifier,
    tried: Callable[[random.Random, Path, Classifier, Found, str], None],
) -> Found:  # fmt: skip
    """Try so many files of a kind; the same ones in every run."""
    found, started = Found(), time.monotonic()
    with quiet(found, kind), warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(count):
            began = time.monotonic()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            tried(random.Random(f"{kind} {seed}"), folder, classifier, found, f"{kind} {seed}")
            took = time.monotonic() - began
            if took > LONGEST:
                found.defects.append(f"{kind} {seed}: {took:.0f} s")
            found.slowest = max(found.slowest, took)
    found.seconds = time.monotonic() - started
    return found


def _record(rng: random.Random, folder: Path, classifier: Classifier, found: Found, name: str) -> None:
    home = folder / "in"
    home.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of writing, not of what is tried
        damaged_media.record(random.Random(7), home, "good", whole=True)
        damaged_media.damaged_record(rng, home)
    recipe = RECORDS.model_copy(update={"data": RECORDS.data.model_copy(update={"train": "in"})})
    attempt(found, f"{name} prepare", lambda: _read(recipe, folder, None), count=False)
    attempt(found, name, lambda: _answered(found, classifier, home, rows=None))


def _picture(rng: random.Random, folder: Path, classifier: Classifier, found: Found, name: str) -> None:
    home = folder / "in"
    for label in ("a", "b"):
        (home / label).mkdir(parents=True)
        Image.new("RGB", (9, 9), (200 if label == "a" else 20, 40, 90)).save(home / label / "good.png")
    file = damaged_media.damaged_picture(rng, home / "a")
    recipe = PICTURES.model_copy(update={"data": PICTURES.data.model_copy(update={"train": "in"})})
    attempt(found, f"{name} prepare", lambda: _read(recipe, folder, classifier), count=False)
    healthy = Picture(str(home / "b" / "good.png"))
    attempt(found, f"{name} as a mask", lambda: _marked(healthy, file), count=False)
    attempt(found, name, lambda: _answered(found, classifier, home, rows=3))


def _read(recipe: Recipe, folder: Path, classifier: Classifier | None) -> str | None:
    """Read rows as training does; pictures that are kept have to be encoded then."""
    rows = prepare(recipe, folder, refuse=lambda refusal: None)
    if any("\n" in line or len(line) > 2000 for line in rows.findings):
        return "a finding is not one short line"
    if classifier is not None:
        try:
            encode(classifier.encoder, values_of(rows.frame, recipe.task))
        except limbeck.LimbeckError as error:
            return f"kept and not encoded: {error}"
    return None


def _marked(healthy: Picture, file: Path) -> None:
    with quiet_pillow():
        mask_of(healthy, str(file), 16)


def _answered(found: Found, classifier: Classifier, home: Path, rows: int | None) -> str | None:
    """Predict a folder; ``rows`` are as many as it has, None where each record numbers its own beats from 1."""
    out = home.parent / "answers.csv"
    done = limbeck.predict(
        classifier, home, out, columns=["file", "row", "p:abnormal" if rows is None else "p:b"], quiet=True
    )
    answered = [(file, int(row), float(p)) for file, row, p in cells(out)]
    rejected = [(line[0], int(line[1])) for line in cells(done.rejects)] if done.rejects else []
    found.counts["rows"] += len(answered)
    found.counts["rejected"] += len(rejected)
    if (len(answered), len(rejected)) != (done.rows, done.rejected):
        return f"{len(answered)} + {len(rejected)} rows are written, {done.rows} + {done.rejected} are said"
    if not all(0 <= p <= 1 for _, _, p in answered):
        return "a probability is none"
    if rows is not None:
        numbers = sorted([row for _, row, _ in answered] + [row for _, row in rejected])
        return None if numbers == list(range(1, rows + 1)) else f"rows {numbers} of {rows}"
    for file in {place for place, *_ in answered} | {place for place, _ in rejected}:
        numbers = sorted(
            [row for place, row, _ in answered if place == file] + [row for place, row in rejected if place == file]
        )
        if numbers not in ([0], list(range(1, len(numbers) + 1))):
            return f"{file}: a beat is missing or stands twice"
    healthy = sum(place == "good.hea" for place, *_ in answered)
    return None if healthy > 5 else f"{healthy} beats of the healthy record"


def _recipe(kind: str, **sections: Any) -> Recipe:
    raw: dict[str, Any] = {
        "task": {"kind": kind}, "data": {"train": "x"}, "training": {"epochs": 1, "threads": 1, "device": "cpu"},
        "evaluation": {"bootstrap": 5, "baseline": False}, "export": {"int8": "never"},
    }  # fmt: skip
    return parse_recipe({**raw, **{name: {**raw.get(name, {}), **values} for name, values in sections.items()}})


CLASSES = {"N": "normal", "S": "abnormal", "V": "abnormal", "F": "abnormal", "Q": "abnormal"}
RECORDS = _recipe("signal", task={"kind": "signal", "classes": CLASSES}, student={"network": "cnn-lstm", "width": 4, "hidden": 4},
                  input={"signal": {"rate": 100, "before": 0.3, "after": 0.3}}, data={"split": {"group": "beat"}})  # fmt: skip
PICTURES = _recipe("image", student={"network": "multiscale", "widths": [4, 8]}, input={"size": 16})


def _records(home: Path) -> Path:
    home.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(4):
            damaged_media.record(random.Random(seed), home, f"r{seed}", whole=True)
    recipe = RECORDS.model_copy(update={"data": RECORDS.data.model_copy(update={"train": "."})})
    return limbeck.train(recipe, data=home, out=home / "bundle").bundle


def _pictures(home: Path) -> Path:
    random_ = np.random.default_rng(0)
    for label, shade in (("a", 200), ("b", 20)):
        (home / "set" / label).mkdir(parents=True)
        for at in range(20):
            pixels = np.clip(random_.normal(shade, 20, (12, 12, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(home / "set" / label / f"{at}.png")
    recipe = PICTURES.model_copy(update={"data": PICTURES.data.model_copy(update={"train": "set"})})
    return limbeck.train(recipe, data=home, out=home / "bundle").bundle
