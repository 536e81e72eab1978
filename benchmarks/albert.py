"""ALBERT on fake news: from scratch, and from masked-words pre-training on the texts at hand, beside the n-grams."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import limbeck
from benchmarks.figures import ROOT, Figure, over_seeds
from benchmarks.quality import train_seeds

COMMAND = "make bench ONLY=albert"
TINY = ["student.hidden=16", "student.heads=2", "student.layers=1", "student.intermediate=32", "student.embedding=16"]
QUICK = [*TINY, "data.where.category=科技", "input.max_length=16", "training.epochs=1"]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    seeds = 1 if quick else 2
    few = QUICK if quick else []
    small = ["data.unlabelled=[]", "input.vocabulary=2000"] if quick else []
    settings = ["student.network=albert", *few]
    with tempfile.TemporaryDirectory() as scratch:
        # LIMBECK_START names a start made earlier by the same recipe: pre-training takes most of an hour.
        start = Path(os.environ.get("LIMBECK_START", Path(scratch, "start")))
        if not start.exists():
            limbeck.train(ROOT / "recipes" / "albert-pretrain.toml", data=data, out=start, settings=[*few, *small])
        scratch_runs = train_seeds("fake-news.toml", data / "fake-news", seeds=seeds, settings=settings)
        started = train_seeds(
            "fake-news.toml", data / "fake-news", seeds=seeds, settings=[*settings, f"student.init={start}"]
        )
    ngram = train_seeds(
        "fake-news.toml",
        data / "fake-news",
        seeds=1,
        settings=["student.network=ngram", *(few[len(TINY) :] if quick else [])],
    )
    common = {"unit": "", "better": "higher", "command": COMMAND}
    return [
        Figure("text", "albert from scratch, weibo21 test: macro-F1", **common, **over_seeds(scratch_runs.of("macro_f1"))),
        Figure("text", "albert after masked-words pre-training: macro-F1", **common,
               **over_seeds(started.of("macro_f1")), floor=sum(scratch_runs.of("macro_f1")) / seeds,
               aim=ngram.of("macro_f1")[0], baseline=sum(scratch_runs.of("macro_f1")) / seeds,
               note="the floor is the same network from scratch in the same run, the aim the n-gram student's. "
               "Pre-training reads 68,300 texts of posts and reviews, twice, on one core."),
        Figure("text", "n-gram student (linear, no deep branch): macro-F1", **common, **over_seeds(ngram.of("macro_f1"))),
    ]  # fmt: skip
