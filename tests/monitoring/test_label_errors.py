"""Flipped labels come first."""

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.monitoring.label_errors import out_of_fold, suspects
from limbeck.relevance.models.logistic import fit_softmax


def test_the_least_self_confident_rows_come_first_and_agreeing_ones_not_at_all():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7], [np.nan, np.nan]])
    found = suspects([0, 0, 0, -1, 1], p)
    assert [(one.row, one.instead) for one in found] == [(1, 1), (2, 1)]
    assert found[0].self_confidence == pytest.approx(0.2)
    assert len(suspects([0, 0, 0, -1, 1], p, most=1)) == 1
    with pytest.raises(LimbeckError, match="do not fit"):
        suspects([0, 2], [[0.5, 0.5], [0.5, 0.5]])


def test_most_of_the_first_rows_are_flipped_ones():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 6))
    truth = (X[:, 0] + X[:, 1] + 0.3 * rng.normal(size=800) > 0).astype(int)
    labels, flipped = truth.copy(), rng.choice(800, 40, replace=False)
    labels[flipped] = 1 - labels[flipped]

    def fit(learned, asked):
        model = fit_softmax(X[learned], np.eye(2)[labels[learned]], np.ones(len(learned)), ridge=0.01)
        return model(X[asked])

    p = out_of_fold(labels, fit, classes=2)
    assert np.isfinite(p).all()
    found = [one.row for one in suspects(labels, p, most=40)]
    assert len(set(found) & set(flipped.tolist())) >= 0.6 * 40
