"""Distillation of detectors: a student of half the width with and without a teacher, paired by seed, at equal steps.

The teacher is the detector that the recipe makes.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from pathlib import Path

from scipy.stats import t

import limbeck
from benchmarks.detection import GIVEN, SETS, small
from benchmarks.figures import ROOT, Figure, over_seeds

COMMAND = "make bench ONLY=detection_distil"
SEEDS = 5
STUDENT = ["student.width=16", "training.epochs=6"]
QUICK = [
    "training.epochs=1", "training.windows.samples=8", "training.batch_size=4", "training.windows.size=64",
    "input.letterbox=128", "student.width=8", "export.int8=never",
]  # fmt: skip


def measure(data: Path, *, quick: bool) -> list[Figure]:
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("cells",) if quick else SETS:
            folder = small(data / "detection" / SETS[name], Path(scratch, f"few-{name}"), quick)
            figures += compared(name, folder, Path(scratch), quick)
    return figures


def compared(name: str, folder: Path, scratch: Path, quick: bool) -> list[Figure]:
    """Return AP with a teacher, without, and the mean of the paired differences with its interval."""
    teacher = scratch / f"{name}-teacher"
    large = trained(folder, teacher, QUICK if quick else [])
    plain, taught = [], []
    for seed in range(2 if quick else SEEDS):
        given = [*STUDENT, f"training.seed={seed}", *(QUICK if quick else [])]
        plain.append(trained(folder, scratch / f"{name}-plain-{seed}", given))
        more = [
            f'teachers=[{{ name = "large", source = "bundle:{teacher}" }}]',
            "objective.losses={ centre = 1.0, centre-distil = 1.0 }",
        ]
        taught.append(trained(folder, scratch / f"{name}-taught-{seed}", [*given, *more]))
    gains = [one - other for one, other in zip(taught, plain, strict=True)]
    half = float(t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / math.sqrt(len(gains))
    mean = statistics.fmean(gains)
    note = f"mean of {len(gains)} paired differences, 95 % interval {mean - half:+.4f} to {mean + half:+.4f}; student of width 16 after 6 epochs, teacher of width 32 after 20 with AP {large:.3f}; equal steps and samples, the teacher's own training not counted"
    figure = {"subject": "detection", "command": COMMAND, "better": "higher", "unit": ""}
    return [
        Figure(name=f"{name}, test AP of a small student without a teacher", **figure, **over_seeds(plain)),
        Figure(
            name=f"{name}, test AP of the same with a teacher",
            baseline=statistics.fmean(plain),
            **figure,
            **over_seeds(taught),
        ),
        Figure(name=f"{name}, gain of AP by the teacher", aim=0.01, note=note, **figure, **over_seeds(gains)),
    ]


def trained(folder: Path, out: Path, settings: list[str]) -> float:
    """Return the AP on test of a training with ``recipes/detect.toml``."""
    done = limbeck.train(ROOT / "recipes" / "detect.toml", data=folder, out=out, settings=[*GIVEN, *settings])
    return float(done.metrics["ap"] or 0.0)
