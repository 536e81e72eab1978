"""Candidates for signals without a recipe: random convolutions with a linear head, and a small network."""

from __future__ import annotations

from limbeck.kinds.sample import Portfolio, Sample, Sections


def portfolio(sample: Sample) -> Portfolio:  # noqa: ARG001 - the same for few and for many
    """Return what rows of this kind are tried with."""
    base: Sections = {
        "student": {"network": "minirocket"},
        "training": {"metric": "macro_f1", "batch_size": 64, "learning_rate": 2e-3, "epochs": 20, "patience": 5},
    }
    candidates: dict[str, Sections] = {
        "random convolutions": {"student": {"network": "minirocket"}},
        "network": {
            "student": {"network": "cnn-lstm", "hidden": 32},
            "training": {"average": 0.99, "signals": {"noise": 0.1, "scale": 0.2, "shift": 0.03}},
        },
    }
    return Portfolio(base, candidates, {"blend": True})


def detector(sample: Sample) -> Portfolio:  # noqa: ARG001 - the same for few and for many
    """Return what signals are looked for anomalies with: an autoencoder of windows."""
    base: Sections = {
        "student": {"network": "autoencoder1d"},
        "training": {"epochs": 8, "batch_size": 128, "learning_rate": 2e-3, "average": 0.99, "patience": 8},
    }
    return Portfolio(base, {})
