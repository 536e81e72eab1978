"""Fit the wide branch of a student, and what it would say of training rows that it had not seen.

A linear model remembers its training rows, so its logits for them are far too sure. Five models, each fitted without
a fifth of the rows, give honest logits instead (stacked generalisation, Wolpert 1992), and their common temperature
calibrates the whole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.svm import LinearSVC

from limbeck.data.split import folds
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.metrics.calibration import fit_temperature
from limbeck.networks.text.wide_deep import WideNetwork
from limbeck.progress import say
from limbeck.training.fit.linear_solvers import scaled_bags, two_logits

FOLDS = 5


def fit_wide(network: WideNetwork, rows: Ragged, labels: np.ndarray, margin: float, seed: int) -> np.ndarray:
    """Fit the wide branch in place on rows with labels int64 [N]; return their out-of-fold logits float32 [N, C].

    Rows without a label (-1) get the logits of the whole model.
    """
    known = np.flatnonzero(labels >= 0)
    fold = folds(len(known), FOLDS, labels=labels[known], seed=seed)
    scores = np.zeros((len(labels), network.wide.table.weight.shape[1]))
    for number in range(FOLDS):
        seen, held = known[fold != number], known[fold == number]
        decide = _fit(network, rows.take(seen), labels[seen], margin)[2]
        scores[held] = decide(rows.take(held))
    temperature = fit_temperature(two_logits(scores[known]), labels[known])
    weights, bias, decide = _fit(network, rows, labels, margin)
    unknown = np.flatnonzero(labels < 0)
    if len(unknown):
        scores[unknown] = decide(rows.take(unknown))
    network.set_wide(
        torch.from_numpy((weights / temperature).astype(np.float32)),
        torch.from_numpy((bias / temperature).astype(np.float32)),
    )
    right = (two_logits(scores[known]).argmax(axis=1) == labels[known]).mean()
    say(f"wide branch: accuracy {right:.4f} on training rows it had not seen")
    return (two_logits(scores) / temperature).astype(np.float32)


def _fit(
    network: WideNetwork, rows: Ragged, labels: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray, Callable[[Ragged], np.ndarray]]:
    """Return weights [buckets + 1, 1 or C], bias, and a function from rows to scores [N, 1 or C]."""
    assert rows.wide is not None
    network.wide.fit_start(rows.wide)
    known = np.flatnonzero(labels >= 0)
    model = LinearSVC(C=margin, random_state=0, intercept_scaling=1.0)
    model.fit(scaled_bags(network.wide, rows.wide)[known], labels[known])

    def decide(others: Ragged) -> np.ndarray:
        assert others.wide is not None
        scores = model.decision_function(scaled_bags(network.wide, others.wide))
        return scores[:, None] if scores.ndim == 1 else scores

    return model.coef_.T, model.intercept_, decide
