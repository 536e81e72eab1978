"""Train a recipe with several seeds and read its figures off the finished bundles."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import limbeck
from benchmarks.figures import ROOT


@dataclass(frozen=True)
class Runs:
    """What several seeds of one recipe came to: metrics on test per seed, the baseline, CPU seconds, bytes."""

    metrics: list[dict[str, Any]]
    baseline: dict[str, Any]
    cpu_seconds: float
    bytes: int

    def of(self, name: str) -> list[float]:
        """One metric of every seed."""
        return [float(metrics[name]) for metrics in self.metrics]


def train_seeds(recipe: str, data: Path, *, seeds: int, settings: Sequence[str] = (), keep: Path | None = None) -> Runs:
    """Train ``recipes/recipe`` with seeds 0, 1, …; the last bundle stays in ``keep`` when given."""
    metrics, baseline, seconds, size = [], {}, [], 0
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as scratch:
            out = keep if keep is not None and seed == seeds - 1 else Path(scratch, "bundle")
            before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            wanted = [*settings, f"training.seed={seed}", "evaluation.bootstrap=0"]
            if seed:
                wanted.append("evaluation.baseline=false")
            trained = limbeck.train(ROOT / "recipes" / recipe, data=data, out=out, settings=wanted)
            seconds.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - before)
            metrics.append(trained.metrics)
            baseline = trained.baselines[0] if trained.baselines else baseline
            size = sum(file.stat().st_size for file in out.iterdir())
    return Runs(metrics, baseline, max(seconds), size)
