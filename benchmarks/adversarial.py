"""Adversarial training on traffic signs: accuracy under PGD, with and without it, on the same students."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.figures import ROOT, Figure, over_seeds
from limbeck.dataset.prepare import prepare
from limbeck.recipe import load_recipe
from limbeck.training.adversarial_accuracy import robust_accuracy
from limbeck.training.student import train_student

COMMAND = "make bench ONLY=adversarial"
RECIPE = ROOT / "recipes" / "traffic-signs.toml"
# A smaller student and fewer epochs than the recipe's: each step of it costs two.
SHORT = [
    "student.widths=[16,32,64]",
    "training.epochs=15",
    "training.schedule=cosine",
    "evaluation.adversary={epsilon=4, steps=10}",
]
TRAINED = ["objective.losses={hard=0.5, adversarial=0.5}", "objective.adversary={epsilon=6, steps=1}"]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    seeds = range(1 if quick else 5)
    plain = [study(data / "traffic-signs", seed, [], quick) for seed in seeds]
    held = [study(data / "traffic-signs", seed, TRAINED, quick) for seed in seeds]
    under = {name: [row["accuracy"] for row in rows] for name, rows in (("plain", plain), ("trained", held))}
    clean = {name: [row["clean"] for row in rows] for name, rows in (("plain", plain), ("trained", held))}
    ratio = float(np.mean(under["trained"]) / max(np.mean(under["plain"]), 1e-9))
    said = "PGD of 10 steps, at most 4 of 255 levels a pixel; FGSM at 6 levels in training; a short recipe, 15 epochs."
    common = {"subject": "images", "unit": "", "better": "higher", "command": COMMAND}
    return [
        Figure(name="traffic signs under attack: accuracy with adversarial training against without", value=ratio, floor=2.0, seeds=len(plain),
               note=said, **{**common, "unit": "x"}),
        Figure(name="traffic signs under attack: accuracy, adversarial training", baseline=float(np.mean(under["plain"])), **common, **over_seeds(under["trained"])),
        Figure(name="the same students without attack: accuracy, adversarial training", baseline=float(np.mean(clean["plain"])), **common, **over_seeds(clean["trained"])),
    ]  # fmt: skip


def study(folder: Path, seed: int, settings: list[str], quick: bool) -> dict[str, float]:
    given = [
        *SHORT,
        f"training.seed={seed}",
        *settings,
        *(["training.epochs=1", "student.widths=[8,8,16]"] if quick else []),
    ]
    recipe = load_recipe(RECIPE, given)
    rows = prepare(recipe, folder, recipe_folder=RECIPE.parent)
    if quick:
        rows = rows.take(np.random.default_rng(0).permutation(len(rows.labels))[:400])
    student = train_student(recipe, rows, folders=[folder])
    found = robust_accuracy(recipe, rows, student, rows.part("test").tolist())
    assert found is not None
    print(settings[:1], seed, found, flush=True)
    return found
