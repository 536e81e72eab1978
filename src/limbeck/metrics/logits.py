"""Logits to probabilities, without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def sigmoid(logits: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Return ``1 / (1 + exp(-logits))``, of the same shape and dtype."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Return ``exp(logits)`` over its sum along the last axis, of the same shape and dtype."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
