"""Sentiment of shopping reviews, ten domains together: recipes/sentiment.toml."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Figure, over_seeds
from benchmarks.quality import train_seeds

COMMAND = "make bench ONLY=sentiment"
QUICK = ["training.epochs=1", "student.hidden=8", "input.max_length=16", "input.buckets=4096", "student.bigrams=256",
         "data.where.domain=酒店"]  # fmt: skip


def measure(data: Path, *, quick: bool) -> list[Figure]:
    runs = train_seeds("sentiment.toml", data / "reviews", seeds=1 if quick else 3, settings=QUICK if quick else [])
    base = runs.baseline
    return [
        Figure("text", "sentiment, reviews test, all domains: accuracy", unit="", better="higher", command=COMMAND,
               floor=0.940, aim=0.955, baseline=base["accuracy"], **over_seeds(runs.of("accuracy")),
               note="baseline is TF-IDF + linear SVM. Data: online_shopping_10_cats (ChineseNlpCorpus)."),
        Figure("text", "sentiment: expected calibration error", unit="", better="lower", command=COMMAND,
               **over_seeds(runs.of("ece"))),
        Figure("text", "sentiment: CPU time of one training, slowest seed", runs.cpu_seconds / 60, "min", "lower", COMMAND),
        Figure("text", "sentiment: bundle, whole folder", runs.bytes / 1e6, "MB", "lower", COMMAND, floor=10.0, aim=3.0),
    ]  # fmt: skip
