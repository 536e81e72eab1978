"""Candidates for texts without a recipe: linear n-gram models first, networks where there are rows for them."""

from __future__ import annotations

from limbeck.errors import LimbeckError
from limbeck.kinds.sample import CROSS_FITTED, Portfolio, Sample, Sections

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
    candidates: dict[str, Sections] = {
        "characters": {},
        "characters and words": {"input": words},
        "longer n-grams and words": {"input": {**words, "ngrams": [2, 5] if chinese else [3, 5]}},
        "characters and words, log loss": {"input": words, "objective": {"losses": {"hard": 1.0}}},
    }
    return Portfolio(base, candidates)


def detector(sample: Sample) -> Portfolio:  # noqa: ARG001 - there is none
    """Refuse: anomalies among texts are not looked for."""
    raise LimbeckError("anomalies among texts are not looked for", where="--task", fix="label some rows of each class")
