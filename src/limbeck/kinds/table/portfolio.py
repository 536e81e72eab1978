"""Candidates for tables without a recipe: a linear model, a small network, and trees."""

from __future__ import annotations

from typing import Any

from limbeck.kinds.sample import CROSS_FITTED, Portfolio, Sample, Sections
from limbeck.recipe import Input

_FOREST = 20_000  # rows above which a forest is larger than what it brings


def portfolio(sample: Sample) -> Portfolio:
    """Return what rows of this kind are tried with."""
    buckets = 64
    while buckets < min(4 * sample.categories, 4096):
        buckets *= 2
    base: Sections = {
        "input": {"categories": buckets, "scaling": "both"},
        "student": {"network": "linear"},
        "training": {"metric": "loss", "threads": 1},  # it tells candidates apart on fewer rows than macro-F1
    }
    if sample.rows <= CROSS_FITTED:
        base["evaluation"] = {"leave_out": {"folds": 5}}
    small = max(16, min(64, sample.rows // 20))
    candidates: dict[str, Sections] = {
        "linear": {"student": {"network": "linear"}},
        "network": {
            "student": {"network": "mlp", "hidden": 128, "dropout": 0.3},
            "training": {"epochs": 60, "batch_size": small, "learning_rate": 3e-3, "patience": 12,
                         "average": 0.95},
        },
        "boosted trees": {"student": {"network": "trees", "method": "boosting"}},
        "forest": {"student": {"network": "trees", "method": "forest"}},
    }  # fmt: skip
    if sample.rows > _FOREST:
        del candidates["forest"]
    return Portfolio(base, candidates, {"blend": True})


def smaller(given: Input, *, faster: bool) -> dict[str, Any]:
    """Return the keys of ``[input]`` by which a smaller variant differs; empty where there is none."""
    return {"categories": given.categories // 2} if not faster and given.categories >= 32 else {}


def several(sample: Sample) -> Portfolio:
    """Return what tables with several labels are learned by: one small network with an output for each label."""
    found = portfolio(sample)
    network = found.candidates["network"]
    base: Sections = {
        "input": found.base["input"],
        "student": network["student"],
        "training": {"threads": 1, **network["training"], "metric": "loss"},
    }
    return Portfolio(base, {})


def detector(sample: Sample) -> Portfolio:  # noqa: ARG001 - as for all kinds
    """Return what tables are looked for anomalies with: classical detectors, chosen by synthetic anomalies."""
    return Portfolio({"student": {"network": "outliers"}}, {})
