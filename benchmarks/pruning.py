"""A GRU and an ALBERT on fake news, half of their units cut out: how much faster, and how much worse on test."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import limbeck
from benchmarks.figures import ROOT, Figure, over_seeds

COMMAND = "make bench ONLY=pruning"
NETWORKS = {
    "GRU": [
        "student.network=gru",
        "input.wide=false",
        "student.bigrams=0",
        "training.epochs=4",
        "training.learning_rate=2e-3",
    ],
    "ALBERT": ["student.network=albert", "input.wide=false"],
}
QUICK = [
    "data.where.category=科技",
    "input.max_length=16",
    "student.hidden=8",
    "student.embedding=8",
    "training.epochs=1",
]


def measure(data: Path, *, quick: bool, networks: tuple[str, ...] = ("GRU", "ALBERT")) -> list[Figure]:
    figures = []
    for name in networks[:1] if quick else networks:
        settings = [*NETWORKS[name], *(QUICK if quick else [])]
        runs = [pruned(data / "fake-news", seed, settings) for seed in range(1 if quick else 3)]
        whole = over_seeds([100 * run["whole"] for run in runs])["value"]
        figures += [
            Figure("auto", f"pruned by half: {name}, times as fast", unit="×", better="higher", command=COMMAND,
                   floor=1.5, aim=2.0, baseline=1.0, **over_seeds([run["speed"] for run in runs]),
                   note="medians of onnxruntime on one core in the same run; 1 where the gate kept the whole network."),
            Figure("auto", f"pruned by half: {name}, macro-F1 on test less that of the whole network", unit="points",
                   better="higher", command=COMMAND, floor=-1.0, aim=-0.5, baseline=0.0,
                   **over_seeds([100 * (run["pruned"] - run["whole"]) for run in runs]),
                   note=f"weibo21; the whole network has {whole:.1f}."),
        ]  # fmt: skip
    return figures


def pruned(folder: Path, seed: int, settings: list[str]) -> dict[str, float]:
    """Return macro-F1 on test of the whole and of the pruned student of a seed, and how much faster the latter is."""
    common = [
        *settings,
        f"training.seed={seed}",
        "export.int8=never",
        "evaluation.bootstrap=0",
        "evaluation.baseline=false",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        found = {}
        for name, share in (("whole", 0.0), ("pruned", 0.5)):
            made = limbeck.train(
                ROOT / "recipes" / "fake-news.toml", data=folder, out=Path(scratch, name),
                settings=[*common, f"export.prune={share}"],
            )  # fmt: skip
            found[name] = float(made.metrics["macro_f1"])
        told = json.loads(Path(scratch, "pruned", "metrics.json").read_text("utf-8"))["pruning"]
        return {**found, "speed": float(told["speed"]) if told["kept"] else 1.0}
