"""Ensembles of trees of rows of a table, which answer together: boosting, a random forest, extremely randomised trees.

Boosting alone is the most accurate on scenarios that it was fitted on, and varies more on new ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import needing
from limbeck.metrics.baselines.baseline_row import fit_boosting

TREES = 200  # of a forest
STEPS = 100  # of boosting


def fit_trees(
    rows: NDArray[np.float32], labels: NDArray[np.int64], what: str, *, weights: Any = None, seed: int = 0
) -> list[Any]:
    """Return three models with ``predict_proba``, fitted to rows float32[N, F] and labels int64[N].

    Parameters
    ----------
    rows, labels
        What is learned; NaN is a missing value.
    what
        Whom an error speaks of where scikit-learn is missing.
    weights
        float64[N] of the rows in the forests; boosting counts rows alike.
    seed
        For the forests.
    """
    with needing("scikit-learn", "train", what):
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    boosting = fit_boosting(rows, labels, what, max_iter=STEPS, learning_rate=0.08)
    forests = [
        kind(n_estimators=TREES, min_samples_leaf=3, random_state=seed).fit(rows, labels, sample_weight=weights)
        for kind in (RandomForestClassifier, ExtraTreesClassifier)
    ]
    return [boosting, *forests]
