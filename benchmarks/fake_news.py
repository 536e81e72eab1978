"""Fake news on Weibo21's official test posts: the default student of recipes/fake-news.toml."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Figure, over_seeds
from benchmarks.quality import train_seeds

COMMAND = "make bench ONLY=fake_news"
QUICK = [
    "data.where.category=科技",
    "training.epochs=1",
    "student.filters=8",
    "input.buckets=4096",
    "student.bigrams=256",
]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    runs = train_seeds("fake-news.toml", data / "fake-news", seeds=1 if quick else 3, settings=QUICK if quick else [])
    base = runs.baseline
    return [
        Figure("text", "fake-news, weibo21 test: macro-F1", unit="", better="higher", command=COMMAND,
               floor=0.900, aim=0.914, baseline=base["macro_f1"], **over_seeds(runs.of("macro_f1")),
               note="baseline is TF-IDF + linear SVM; the aim is the best published with BERT on this set. "
               "Data: Weibo21 (Nan et al. 2021), official split."),
        Figure("text", "fake-news, weibo21 test: ROC AUC", unit="", better="higher", command=COMMAND,
               floor=0.965, baseline=base["roc_auc"], **over_seeds(runs.of("roc_auc"))),
        Figure("text", "fake-news: CPU time of one training, slowest seed", runs.cpu_seconds / 60, "min", "lower", COMMAND,
               floor=20.0),
        Figure("text", "fake-news: bundle, whole folder", runs.bytes / 1e6, "MB", "lower", COMMAND, floor=10.0, aim=3.0),
    ]  # fmt: skip
