"""Ridge regression: leave-one-out answers are those of fits without the row; probabilities are calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from limbeck.monitoring.label_errors import out_of_fold
from limbeck.monitoring.ridge import left_out, ridge_fit


def test_left_out_answers_are_those_of_regressions_without_the_row() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 2)), (rng.random(12) < 0.5).astype(float)
    X -= X.mean(axis=0)
    gram = X.T @ X
    ridge = 0.1 * np.trace(gram) / 2 * np.eye(2)
    found = left_out(X, y[:, None])[:, 0]
    for row in range(12):
        kept = np.arange(12) != row
        design = np.c_[X[kept], np.ones(11)]
        held = np.zeros((3, 3))
        held[:2, :2] = ridge
        fitted = np.linalg.solve(design.T @ design + held, design.T @ y[kept])
        assert found[row] + y.mean() == pytest.approx(np.r_[X[row], 1] @ fitted)


def test_probabilities_of_other_folds_are_calibrated() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3000, 5))
    truth = 1 / (1 + np.exp(-2 * X[:, 0]))
    y = (rng.random(3000) < truth).astype(np.int64)
    X[0] = np.nan  # a row that cannot be encoded
    p = out_of_fold(y, ridge_fit(X, y, 2), classes=2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    sure = p.max(axis=1)
    assert abs(sure.mean() - (p.argmax(axis=1) == y).mean()) < 0.03
