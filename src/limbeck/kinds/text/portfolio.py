"""Candidates for texts without a recipe: linear n-gram models first, networks where there are rows for them."""

from __future__ import annotations

from typing import Any

from limbeck.errors import LimbeckError
from limbeck.kinds.sample import CROSS_FITTED, Portfolio, Sample, Sections
from limbeck.recipe import Input

_RAREST = 256  # rows that an n-gram of a smaller vocabulary has to stand in at most
_CHINESE = 0.2  # share of characters from which on texts are read as Chinese, Japanese or Korean


def portfolio(sample: Sample) -> Portfolio:
    """Return what rows of this kind are tried with."""
    chinese = sample.wide >= _CHINESE
    count = 1 if sample.rows < 300 else 2
    base: Sections = {
        "input": {"encoder": "ngrams", "max_length": 2048, "ngrams": [1, 3] if chinese else [2, 5], "buckets": 0,
                  "min_count": count},
        "student": {"network": "ngram", "idf": 1.5, "margin": 1.0 if chinese else 0.3},
        "objective": {"losses": {"hinge": 1.0}},
        "training": {"optimizer": "liblinear", "metric": "macro_f1", "threads": 1},
    }  # fmt: skip
    if sample.rows <= CROSS_FITTED:
        base["evaluation"] = {"leave_out": {"folds": 5}}
    words = {"word_ngrams": 2}
    by_class = {"class_ratio": "mean"} if chinese else {"class_ratio": "on", "idf": 1.0}
    candidates: dict[str, Sections] = {
        "characters and words by class": {"input": words, "student": by_class},
        "characters": {},
        "characters and words": {"input": words},
        "longer n-grams and words by class": {
            "input": {**words, "ngrams": [2, 5] if chinese else [3, 5]}, "student": by_class
        },
        "characters and words by log loss": {"input": words, "objective": {"losses": {"hard": 1.0}}},
    }  # fmt: skip
    return Portfolio(base, candidates)


def smaller(given: Input, *, faster: bool) -> dict[str, Any]:
    """Return the keys of ``[input]`` by which a smaller or faster variant differs; empty where there is none."""
    if given.encoder != "ngrams":
        if faster:
            return {"max_length": given.max_length // 2} if given.max_length >= 64 else {}
        return {"vocabulary": given.vocabulary // 2} if given.vocabulary >= 512 else {}
    if not faster:
        if given.buckets:
            return {"buckets": given.buckets // 2} if given.buckets >= 2 * 2**8 else {}
        return {"min_count": 2 * given.min_count} if given.min_count < _RAREST else {}
    shortest, longest = given.ngrams
    if given.word_ngrams:
        return {"word_ngrams": 0}
    if longest > shortest:
        return {"ngrams": [shortest, longest - 1]}
    return {"max_length": min(256, given.max_length // 2)} if given.max_length >= 64 else {}


def several(sample: Sample) -> Portfolio:
    """Return what texts with several labels are learned by: a linear n-gram model of each label, one against the rest.

    Of the candidates for one label the one with characters and words, which costs little more than characters alone.
    """
    found = portfolio(sample)
    base: Sections = {section: dict(found.base[section]) for section in ("input", "student", "objective", "training")}
    base["input"] |= {"word_ngrams": 2}
    base["student"] |= {"class_ratio": "mean"}
    base["training"] |= {"metric": "loss"}
    return Portfolio(base, {})


def detector(sample: Sample) -> Portfolio:  # noqa: ARG001 - there is none
    """Refuse: anomalies among texts are not looked for."""
    raise LimbeckError("anomalies among texts are not looked for", where="--task", fix="label some rows of each class")
