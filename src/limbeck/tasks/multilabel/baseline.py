"""What a student of several labels has to beat: the baseline of its kind of rows, one model a label.

Each label's threshold is chosen by F1 on valid, as the student's is: at 0 a rare label is hardly ever given.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.kinds import kind_of
from limbeck.metrics.calibration import choose_threshold
from limbeck.metrics.logits import sigmoid
from limbeck.metrics.multilabel import NAMES, measure_labels
from limbeck.recipe import Recipe


def baseline_row(
    recipe: Recipe, data: Dataset, truth: NDArray[np.float32], part: str, labels: tuple[str, ...]
) -> dict[str, Any]:
    """Return the baseline's line of the report: name, the figures of `NAMES`, n_train, seconds.

    Parameters
    ----------
    truth
        float32 [N, L] of all rows, NaN in those without labels; the baseline learns ``train``.
    part
        The part that is evaluated, "test" or "valid".

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed.
    """
    start = time.perf_counter()
    train, valid, asked = data.part("train"), data.part("valid"), data.part(part)
    fit = kind_of(recipe.task).load("baseline").one_vs_rest
    name, (held, scores) = fit(recipe, data, train, truth[train] == 1, [data.take(valid), data.take(asked)])
    cuts = chosen_cuts(held, truth[valid] == 1)
    # Above the threshold is a probability of at least a half: only the decision is measured.
    given = (scores >= cuts).astype(np.float64)
    found = measure_labels(truth[asked] == 1, given, np.full(len(labels), 0.5), labels, bootstrap=0)
    return {
        "name": name, **{key: found[key] for key in NAMES}, "n_train": len(train),
        "seconds": time.perf_counter() - start,
    }  # fmt: skip


def chosen_cuts(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the score from which on each label is given, float64 [L], of scores [N, L] and truth bool [N, L]."""
    return np.array([_cut(scores[:, at], truth[:, at]) for at in range(truth.shape[1])])


def _cut(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the score from which on a label is given, by F1 on valid; 0 where valid cannot tell."""
    if truth.all() or not truth.any():
        return 0.0
    p = sigmoid(scores)
    cut = choose_threshold(truth.astype(np.int64), np.stack([1 - p, p], axis=1), "f1", 1)
    cut = min(max(cut, 1e-9), 1 - 1e-9)
    return float(np.log(cut / (1 - cut)))
