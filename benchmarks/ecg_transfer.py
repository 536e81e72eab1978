"""ECG200 with few labels: a frozen trunk from MIT-BIH, against the same network from scratch.

Labels are drawn from the archive's TRAIN, and all of its TEST is evaluated, once for each draw. A tenth of the labels is
held back for calibration in all. Trunk, layer and stages were chosen on the rows of TRAIN that a draw leaves over; what
was seen of TEST on the way is in docs/decisions.md.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck.data.dataset import Dataset
from limbeck.data.split import split_random
from limbeck.dataset.prepare import prepare
from limbeck.kinds.select import encode, values_of
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.export.bundle_parts import save_weights
from limbeck.training.student import train_student

COMMAND = "make bench ONLY=ecg_transfer"
TRUNK, RECIPE = ROOT / "recipes" / "ecg-trunk.toml", ROOT / "recipes" / "ecg-transfer.toml"
TRUNKS = 3  # seeds of the trunk, in turn
LABELS = (10, 25, 50, 100)  # of each class; of the smaller one TRAIN has 31
SCRATCH = ['student={network="cnn-lstm"}', "training.epochs=60", "objective.class_weights=balanced"]
HEAD = ["student.nearest=0", "training.unfreeze.epochs=[100]", "objective.class_weights=balanced"]
WAYS = ("transfer", "head", "scratch", "raw")


def measure(data: Path, *, quick: bool) -> list[Figure]:
    folder = data / "ecg"
    counts, seeds = ((10,), (0,)) if quick else (LABELS, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
    with tempfile.TemporaryDirectory() as scratch:
        weights = [trunk(folder, Path(scratch, f"{seed}"), seed, quick) for seed in range(1 if quick else TRUNKS)]
        found = {
            count: [compared(folder, weights[seed % len(weights)], count, seed, quick) for seed in seeds]
            for count in counts
        }
    for count, values in found.items():
        print(count, {way: round(float(np.mean([one[way] for one in values])), 4) for way in WAYS}, flush=True)
    return [
        Figure("signals", f"ECG200, {count} labels of each class: {name} less scratch, accuracy",
               **over_seeds([100 * (one[way] - one["scratch"]) for one in values]), unit="points", better="higher",
               command=COMMAND, floor=5.0 if (count, way) == (25, "transfer") else None,
               aim=10.0 if (count, way) == (25, "transfer") else None,
               baseline=f"{mean(values, 'scratch'):.3f} from scratch",
               note=f"{name} {mean(values, way):.3f}; the nearest raw series {mean(values, 'raw'):.3f}; means over draws and "
               f"{len(weights)} trunks" + (" (the smaller class has 31 labels)" if count > 31 else "") + ".")
        for way, name in (("transfer", "transfer"), ("head", "a linear head on the frozen trunk"))
        for count, values in found.items()
    ]  # fmt: skip


def mean(values: list[dict[str, float]], way: str) -> float:
    return float(np.mean([one[way] for one in values]))


def trunk(folder: Path, out: Path, seed: int, quick: bool) -> Path:
    """Train on MIT-BIH and store the weights."""
    light = ["training.epochs=1", 'data.where.record=["100","106","119","208","209","222"]'] if quick else []
    recipe = load_recipe(TRUNK, [f"training.seed={seed}", *light])
    out.mkdir()
    student = train_student(recipe, prepare(recipe, folder), folders=[folder])
    save_weights(student.network, out / "weights.safetensors")
    return out / "weights.safetensors"


def compared(folder: Path, weights: Path, count: int, seed: int, quick: bool) -> dict[str, float]:
    """Return the accuracy on TEST of each of `WAYS`, on the same labels."""
    given = [f"student.init={weights}", f"training.seed={seed}"]
    moved = load_recipe(RECIPE, given)
    headed = load_recipe(RECIPE, [*given, *HEAD, *(["training.unfreeze.epochs=[1, 1]"] if quick else [])])
    plain = load_recipe(RECIPE, [*SCRATCH, f"training.seed={seed}", *(["training.epochs=2"] if quick else [])])
    rows = few(prepare(moved, folder), count, seed)
    found = {
        way: accuracy(recipe, rows, folder)
        for way, recipe in (("transfer", moved), ("head", headed), ("scratch", plain))
    }
    return found | {"raw": nearest_raw(rows)}


def nearest_raw(rows: Dataset) -> float:
    """Return the accuracy on TEST of the nearest neighbour by Euclid's distance of the series as they are read."""
    series = np.array(rows.frame["signal"].to_list(), dtype=np.float64).reshape(len(rows.labels), -1)
    train, test = rows.part("train"), rows.part("test")
    away = np.linalg.norm(series[test][:, None] - series[train][None], axis=2)
    return float((rows.labels[train][away.argmin(axis=1)] == rows.labels[test]).mean())


def few(rows: Dataset, count: int, seed: int) -> Dataset:
    """Return the rows with ``count`` labels of each class in train, a tenth of them in valid, the rest unused."""
    random = np.random.default_rng(seed)
    known = np.flatnonzero(np.isin(rows.split, ["train", "valid"]))
    drawn = [random.permutation(known[rows.labels[known] == label])[:count] for label in (0, 1)]
    chosen = np.concatenate(drawn)
    split = np.where(rows.split == "test", "test", "unused").astype("<U10")
    split[chosen] = split_random(len(chosen), valid=0.1, test=0.0, labels=rows.labels[chosen], seed=seed)
    return replace(rows, split=split)


def accuracy(recipe: Recipe, rows: Dataset, folder: Path) -> float:
    student = train_student(recipe, rows, folders=[folder])
    test = rows.part("test")
    p = student.probabilities(encode(student.encoder, values_of(rows.frame[test], recipe.task)))
    return float((p.argmax(axis=1) == rows.labels[test]).mean())
