"""Batch prediction with one and the same ALBERT: Limbeck, transformers' pipeline, and one row at a time in torch."""

from __future__ import annotations

import csv
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import limbeck
from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=prediction"
LONGEST = 512  # what the model can read at most: the original job padded every row to it


def posts(data: Path, count: int) -> list[str]:
    """Return distinct texts: every Weibo post, then reviews."""
    found = []
    for name, column in (("fake-news/weibo21.csv", "content"), ("reviews/reviews.csv", "text")):
        with (data / name).open(encoding="utf-8-sig", newline="") as file:
            found += [row[column] for row in csv.DictReader(file)]
    return list(dict.fromkeys(found))[:count]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    import torch
    from transformers import pipeline

    count, alone, epochs = (64, 4, 1) if quick else (20_000, 200, 1)
    texts = posts(data, count)
    torch.set_num_threads(os.cpu_count() or 1)
    settings = ["student.network=albert", f"training.epochs={epochs}", "evaluation.bootstrap=0", "evaluation.baseline=false",
                f"input.max_length={LONGEST}", "input.wide=false", "training.threads=0"]  # fmt: skip
    if quick:
        settings += [
            "data.where.category=科技",
            "student.hidden=48",
            "student.heads=4",
            "student.layers=2",
            "student.intermediate=64",
        ]
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch, "bundle")
        limbeck.train(ROOT / "recipes" / "fake-news.toml", data=data / "fake-news", out=bundle, settings=settings)
        model, tokenizer = as_transformers(bundle)
        with limbeck.load(bundle) as classifier:
            classifier.predict_proba(texts[:64])
            started = time.perf_counter()
            ours = classifier.predict_proba(texts)
            limbeck_seconds = time.perf_counter() - started
        ask = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", top_k=None)
        started = time.perf_counter()
        answers = ask(texts, batch_size=32, truncation=True, max_length=LONGEST)
        pipeline_seconds = time.perf_counter() - started
        # One row at a time takes an hour for all rows; a seeded sample gives its speed.
        sample = np.random.default_rng(0).choice(len(texts), alone, replace=False)
        one_by_one = [seconds_alone(model, tokenizer, texts[index]) for index in sample]
    theirs = np.array([next(a["score"] for a in row if a["label"] == "LABEL_1") for row in answers])
    equal = float(((ours[:, 1] >= 0.5) == (theirs >= 0.5)).mean())
    alone_seconds = statistics.fmean(one_by_one) * len(texts)
    served = f"{len(texts):,} posts in {limbeck_seconds:.0f} s"
    return [
        Figure("text", "same ALBERT, 20,000 posts: Limbeck over one row at a time, padded, in torch",
               alone_seconds / limbeck_seconds, "×", "higher", COMMAND, floor=20.0, aim=60.0,
               baseline=f"{alone_seconds:.0f} s, from {alone} rows", note=served),
        Figure("text", "same ALBERT, 20,000 posts: Limbeck over transformers' pipeline, batch 32",
               pipeline_seconds / limbeck_seconds, "×", "higher", COMMAND, floor=3.0, aim=6.0,
               baseline=f"{pipeline_seconds:.0f} s"),
        Figure("text", "same ALBERT, 20,000 posts: labels equal to the pipeline's", equal, "", "higher", COMMAND, floor=0.995),
    ]  # fmt: skip


def as_transformers(bundle: Path):
    """Return the bundle's very weights as transformers' own model and tokenizer."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from transformers import AlbertConfig, AlbertForSequenceClassification

    from limbeck.recipe import load_recipe
    from limbeck.training.pretrained_tokenizer import as_pretrained

    student = load_recipe(bundle / "recipe.toml").student.options
    weights = {name: value.float() for name, value in load_file(bundle / "weights.safetensors").items()}
    config = AlbertConfig(
        vocab_size=weights["albert.embeddings.word_embeddings.weight"].shape[0],
        embedding_size=student.get("embedding", 128), hidden_size=student["hidden"], num_hidden_layers=student["layers"],
        num_attention_heads=student["heads"], intermediate_size=student["intermediate"], num_labels=2,
        max_position_embeddings=weights["albert.embeddings.position_embeddings.weight"].shape[0],
    )  # fmt: skip
    model = AlbertForSequenceClassification(config).eval()
    renamed = {name.replace("head.", "classifier."): value for name, value in weights.items()}
    missing, unexpected = model.load_state_dict(renamed, strict=False)
    assert not unexpected and all("position_ids" in name or "token_type_ids" in name for name in missing)
    tokenizer = as_pretrained(Tokenizer.from_file(str(bundle / "tokenizer.json")))
    return model, tokenizer


def seconds_alone(model, tokenizer, text: str) -> float:
    """Return the time of one row, padded to the longest, as the original job ran it."""
    import torch

    started = time.perf_counter()
    with torch.no_grad():
        model(**tokenizer(text, truncation=True, max_length=LONGEST, padding="max_length", return_tensors="pt"))
    return time.perf_counter() - started
