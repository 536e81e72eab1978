"""Strange heartbeats: an autoencoder that saw normal beats of DS1 only, beside an isolation forest, evaluated on DS2.

Its settings were chosen on the patients of DS1 that are held back as valid (three draws); DS2 is scored once a seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck.dataset.prepare import prepare
from limbeck.evaluation.baselines import baseline_rows
from limbeck.kinds.select import encode, values_of
from limbeck.metrics.curves import roc_auc
from limbeck.recipe import load_recipe
from limbeck.training.anomaly import train_detector

COMMAND = "make bench ONLY=strange_beats"
RECIPE = ROOT / "recipes" / "ecg-anomaly.toml"
LIGHT = ["training.epochs=1", 'data.where.record=["100","106","119","203","208","209","213","222","233"]']
KINDS = ("S", "V", "F")


def measure(data: Path, *, quick: bool) -> list[Figure]:
    folder = data / "ecg"
    seeds = (0,) if quick else (0, 1, 2, 3, 4)
    found = [study(folder, seed, quick) for seed in seeds]
    for one in found:
        print({name: round(value, 4) for name, value in one.items()}, flush=True)

    def over(name: str) -> dict[str, Any]:
        return over_seeds([one[name] for one in found])

    common = {"subject": "anomaly", "unit": "", "better": "higher", "command": COMMAND}
    return [
        Figure(name="heartbeats, normal only, DS1 to DS2: AUC of the autoencoder", **over("auc"), **common,
               baseline=float(np.mean([one["forest"] for one in found])),
               note="the baseline is an isolation forest on the same samples and rhythm of the same normal beats"),
        *(Figure(name=f"the same: AUC of {kind} against N", **over(kind), **common)
          for kind in KINDS if all(kind in one for one in found)),
    ]  # fmt: skip


def study(folder: Path, seed: int, quick: bool) -> dict[str, float]:
    """Return of one seed the AUC on DS2 of the detector, by kind of beat too, and of the forest."""
    recipe = load_recipe(RECIPE, [f"training.seed={seed}", "training.device=cpu", *(LIGHT if quick else [])])
    rows = prepare(recipe, folder)
    student = train_detector(recipe, rows, folders=[folder])
    test = rows.part("test")
    p = student.probabilities(encode(student.encoder, values_of(rows.frame[test], recipe.task)))[:, 1]
    kinds, labels = rows.frame["label"].to_numpy()[test], rows.labels[test]
    forest, _ = baseline_rows(recipe, rows, rows.part("train"), rows, test, 1)  # and the majority class
    found = {"auc": roc_auc(labels == 1, p), "forest": forest["roc_auc"]}
    for kind in KINDS:
        asked = np.isin(kinds, ["N", kind])
        if (kinds == kind).any():
            found[kind] = roc_auc(kinds[asked] == kind, p[asked])
    return {name: float(value or 0.0) for name, value in found.items()}
