"""Logistic regression on soft targets, for co-training and pooled classifiers, and weights that make classes even."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def even_weights(labels: NDArray[np.int64], classes: int) -> Floats:
    """Return weights float64[M] under which the classes that occur count alike, of mean one."""
    count = np.bincount(labels, minlength=classes)
    return np.asarray(len(labels) / ((count > 0).sum() * np.maximum(count, 1))[labels])


def fit_logistic(X: Any, target: Floats, weight: Floats, *, strength: float, iterations: int = 30) -> Floats:
    """Fit a logistic model to soft targets float[N] in 0..1; return its weights and, last, its bias.

    Minimises ``strength * weighted cross-entropy + |weights|² / 2`` by L-BFGS; few iterations are enough, and stopping
    early is some regularisation more.
    """
    turned = X.T.tocsr()

    def loss(v: Floats) -> tuple[float, Floats]:
        z = X @ v[:-1] + v[-1]
        p = 1.0 / (1.0 + np.exp(-np.clip(z, -40, 40)))
        value = strength * float((weight * (np.logaddexp(0, z) - target * z)).sum()) + 0.5 * float(v[:-1] @ v[:-1])
        pull = strength * weight * (p - target)
        return value, np.append(turned @ pull + v[:-1], pull.sum())

    from scipy.optimize import minimize  # only training has it

    start = np.zeros(X.shape[1] + 1)
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations}).x
    return found
