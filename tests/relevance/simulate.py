"""Teachers of known skill on rows of known class."""

from __future__ import annotations

import numpy as np


def teachers(skills, n=2000, classes=2, *, prior=None, seed=0, flipped=()):
    """Return P[K, n, C] and y[n]: Gaussian logits whose true class is raised by each teacher's skill."""
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, n, p=prior)
    z = rng.normal(size=(len(skills), n, classes))
    z += np.asarray(skills, dtype=float)[:, None, None] * np.eye(classes)[y]
    P = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
    for k in flipped:
        P[k] = P[k][:, ::-1]
    return P, y


def accuracies(P, y):
    return (P.argmax(axis=2) == y).mean(axis=1)


def accuracy(result, y):
    return float((result.probabilities.argmax(axis=1) == y).mean())
