"""Traffic signs: a small student from 1,288 pictures of 43 classes, evaluated on tracks that it has not seen."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import limbeck
from benchmarks.figures import ROOT, Figure, over_seeds

COMMAND = "make bench ONLY=traffic_signs"
PLAIN = 0.959  # a plain multi-scale residual net of two minutes, 40 epochs (README of the data)
SEEDS = 5


def measure(data: Path, *, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = few_classes(data / "traffic-signs", Path(scratch)) if quick else data / "traffic-signs"
        return figures([study(folder, seed, quick) for seed in range(1 if quick else SEEDS)])


def figures(rows: list[dict[str, float]]) -> list[Figure]:
    accuracy, macro, seconds = ([row[name] for row in rows] for name in ("accuracy", "macro_f1", "seconds"))
    note = "baseline is a plain two-minute net of 40 epochs, counted when the data was prepared, not in this run. Chosen by cross-validation over tracks of train (docs/decisions.md). Data: GTSRB (Stallkamp et al. 2012), 1,288 + 616 pictures."
    return [
        Figure(subject="images", name="traffic signs, val accuracy", unit="", better="higher", command=COMMAND, floor=0.965, aim=0.985, baseline=PLAIN, note=note, **over_seeds(accuracy)),
        Figure(subject="images", name="traffic signs, val macro-F1", unit="", better="higher", command=COMMAND, **over_seeds(macro)),
        Figure(subject="images", name="traffic signs, one training", unit="s CPU", better="lower", command=COMMAND, floor=240.0, **over_seeds(seconds)),
    ]  # fmt: skip


def study(folder: Path, seed: int, quick: bool) -> dict[str, float]:
    """Return accuracy and macro-F1 on val, and the seconds of one core that the training took."""
    given = [f"training.seed={seed}", "training.threads=1", "evaluation.bootstrap=0"]
    given += ["training.epochs=2", "student.widths=[4, 8]"] if quick else []
    started = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        done = limbeck.train(
            ROOT / "recipes" / "traffic-signs.toml", data=folder, out=Path(scratch, "bundle"), settings=given
        )
    seconds = time.process_time() - started
    return {"accuracy": done.metrics["accuracy"], "macro_f1": done.metrics["macro_f1"], "seconds": seconds}


def few_classes(folder: Path, out: Path) -> Path:
    """Link five classes, for the small version."""
    for part in ("train", "val"):
        (out / part).mkdir()
        for place in sorted((folder / part).iterdir())[:5]:
            (out / part / place.name).symlink_to(place)
    return out
