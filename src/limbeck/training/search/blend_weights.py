"""Weights of a blend by greedy selection on out-of-fold answers (Caruana et al. 2004)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS = 25
_LEAST = 0.08  # weight below which a member is left out
_FLOOR = 1e-4  # of a probability before its logarithm


def answered_by_all(answers: Iterable[Floats]) -> NDArray[np.bool_]:
    """Return which rows have an answer of everyone, bool [N], of answers [N, C] with NaN where there is none."""
    return np.logical_and.reduce([np.isfinite(p[:, 0]) for p in answers])


def blended(answers: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Return the logarithmic pool float [N, C] of answers [N, C] by their weights."""
    total = sum(weights.values())
    # Doubles, whoever asks: a blend that is trained again from its recipe has to come out the same.
    told = sum(weights[name] / total * np.log(np.maximum(answers[name].astype(np.float64), _FLOOR)) for name in weights)
    p = np.exp(told - np.max(told, axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def greedy_weights(answers: Mapping[str, Floats], labels: NDArray[np.int64]) -> dict[str, float]:
    """Return name -> weight, of sum 1: in turn the member is added, again and again, that lowers the log loss most.

    Parameters
    ----------
    answers
        Name -> probabilities float [N, C] by models that had not seen the rows; rows that are NaN for one do not count.
    labels
        int64 [N].
    """
    known = answered_by_all(answers.values())
    labels = labels[known]
    logs = {name: np.log(np.maximum(p[known].astype(np.float64), _FLOOR)) for name, p in answers.items()}
    total, counts = np.zeros_like(next(iter(logs.values()))), dict.fromkeys(logs, 0)

    def loss(z: Floats) -> float:
        top = z.max(axis=1, keepdims=True)
        return float((np.log(np.exp(z - top).sum(axis=1)) + top[:, 0] - z[np.arange(len(labels)), labels]).mean())

    for step in range(1, _STEPS + 1):
        best = min(logs, key=lambda name: loss((total + logs[name]) / step))
        total, counts[best] = total + logs[best], counts[best] + 1
    kept = {name: count / _STEPS for name, count in counts.items() if count / _STEPS >= _LEAST}
    return {name: round(weight / sum(kept.values()), 4) for name, weight in kept.items()}
