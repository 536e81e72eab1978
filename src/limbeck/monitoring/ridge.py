"""Ridge regression on vectors, with its leave-one-out answers in closed form (Allen 1974), and a classifier of it.

The classifier regresses on one column of 0 and 1 for each class. Its scores become probabilities by a softmax whose
temperature is the one under which the leave-one-out scores are likeliest, so that they are calibrated without further
rows. It is no rival of a trained model: it serves where one is needed within seconds and without torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.metrics.logits import softmax

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_RIDGE, _CLASSIFIER = 0.1, 1.0  # penalty, of the mean square of a feature, times rows
_SHARPNESS = np.geomspace(0.5, 64.0, 29)  # inverse temperatures that are tried


def left_out(X: Floats, labels: Floats, ridge: float = _RIDGE) -> Floats:
    """Return the leave-one-out answers float64[N, P] of ridge regression to labels float64[N, P], less their means.

    X float64[N, D] has means of 0; ``ridge`` is the penalty, in mean squares of a feature times rows.
    """
    inverse = _solved(X, ridge)  # [D, N]
    leverage = np.einsum("nd,dn->n", X, inverse) + 1 / len(X)
    centred = labels - labels.mean(axis=0)
    fitted = X @ (inverse @ centred)
    # Without row i the mean moves too: 1/n of the leverage is the intercept's.
    return np.asarray((fitted - leverage[:, None] * centred) / np.maximum(1 - leverage, 1e-6)[:, None])


def ridge_fit(vectors: ArrayLike, labels: ArrayLike, classes: int) -> Callable[[Ints, Ints], Floats]:
    """Return a ``fit`` for `limbeck.monitoring.label_errors.out_of_fold`.

    Parameters
    ----------
    vectors
        float[N, D]; one that is not finite counts as the mean of the others.
    labels
        int64[N] below ``classes``.
    """
    X, y = np.asarray(vectors, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    X = np.where(np.isfinite(X).all(axis=1, keepdims=True), X, np.nan)
    one_hot = np.eye(classes)[y]

    def fit(learned: Ints, asked: Ints) -> Floats:
        mean = np.nan_to_num(np.nanmean(X[learned], axis=0))
        known, wanted = (np.nan_to_num(X[rows] - mean) for rows in (learned, asked))
        given = one_hot[learned]
        share = given.mean(axis=0)
        scores = wanted @ (_solved(known, _CLASSIFIER) @ (given - share)) + share
        own = left_out(known, given, _CLASSIFIER) + share
        likely = [np.log(np.maximum(softmax(s * own)[given > 0], 1e-12)).mean() for s in _SHARPNESS]
        return softmax(_SHARPNESS[int(np.argmax(likely))] * scores)

    return fit


def _solved(X: Floats, ridge: float) -> Floats:
    """Return (X^T X + ridge)^-1 X^T, float64[D, N]."""
    gram = X.T @ X
    width = len(gram)
    gram += np.eye(width) * max(ridge * float(np.trace(gram)) / width, 1e-12)
    return np.asarray(np.linalg.solve(gram, X.T))
