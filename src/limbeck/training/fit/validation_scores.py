"""How good logits are on valid rows: what an epoch is chosen by, and the temperature that soft targets ask for."""

from __future__ import annotations

import numpy as np

from limbeck.metrics.calibration import golden_section
from limbeck.metrics.curves import roc_auc
from limbeck.metrics.logits import softmax


def cross_entropy(soft: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean cross-entropy of answers float[N, C] against soft targets float[N, C]."""
    return float(-(soft * np.log(np.clip(probabilities, 1e-12, 1.0))).sum(axis=1).mean())


def soft_temperature(logits: np.ndarray, soft: np.ndarray) -> float:
    """Return the temperature at which the student is as sure as its teachers, by cross-entropy."""

    def loss(log_temperature: float) -> float:
        return cross_entropy(soft, softmax(logits / np.exp(log_temperature)))

    return float(np.exp(golden_section(loss, np.log(0.05), np.log(20.0))))


def scores_of(labels: np.ndarray, probabilities: np.ndarray, positive: int) -> dict[str, float]:
    """Return the scores of an epoch on valid: loss, accuracy, macro_f1, and roc_auc for two classes."""
    decided = probabilities.argmax(axis=1)
    count = probabilities.shape[1]
    joint = np.bincount(labels * count + decided, minlength=count * count).reshape(count, count)
    f1 = 2 * np.diag(joint) / np.maximum(joint.sum(axis=0) + joint.sum(axis=1), 1)
    chosen = np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0)
    scores = {
        "loss": float(-np.log(chosen).mean()),
        "accuracy": float((decided == labels).mean()),
        "macro_f1": float(f1[np.bincount(labels, minlength=count) > 0].mean()),
    }
    if count == 2 and 0 < labels.sum() < len(labels):
        scores["roc_auc"] = float(roc_auc(labels == positive, probabilities[:, positive]) or 0.0)
    return scores
