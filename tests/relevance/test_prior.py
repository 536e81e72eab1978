"""Class rates: from answers, from features, and by Saerens' EM."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from tests.relevance.simulate import teachers

from limbeck.errors import LimbeckError
from limbeck.relevance import class_prior, saerens
from limbeck.relevance.class_rates.prior import asymmetry


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
def test_the_answers_alone_give_the_rates_of_fair_teachers(rate):
    P, _ = teachers([3.0] * 6, 4000, prior=[1 - rate, rate], seed=1)
    assert class_prior(P)[1] == pytest.approx(rate, abs=0.04)


def _separable(rate, n=2000, seed=0):
    """Rows whose features tell the classes apart, and teachers who all lean the same wrong way."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < rate).astype(int)
    x = rng.normal(size=(n, 8)) + 3 * (2 * y[:, None] - 1) * (np.arange(8) < 2)
    odds = rng.normal(0, 1.5, (6, n)) + 1.5 * (2 * y - 1)
    return x, y, odds


@pytest.mark.parametrize("rate", [0.25, 0.75])
def test_features_show_the_side_of_the_true_rate(rate):
    x, _, odds = _separable(rate)
    assert np.sign(asymmetry(x, odds.mean(axis=0))) == np.sign(rate - 0.5)


def test_features_hold_back_a_lean_that_they_do_not_support():
    x, _, odds = _separable(0.5)
    P = 1 / (1 + np.exp(-(odds + 2)))
    P = np.stack([1 - P, P], axis=2)
    from_answers, with_features = class_prior(P)[1], class_prior(P, x)[1]
    assert from_answers > 0.7
    assert abs(with_features - 0.5) < 0.1
    np.testing.assert_allclose(class_prior(P, sparse.csr_matrix(x)), class_prior(P, x), atol=1e-6)
    with pytest.raises(LimbeckError, match="rows of features"):
        class_prior(P, x[:5])


def test_saerens_finds_a_shifted_rate_and_corrects_the_answers():
    rng = np.random.default_rng(0)
    y = (rng.random(20_000) < 0.2).astype(int)
    x = rng.normal(2.0 * y - 1, 1.0)
    q = 1 / (1 + np.exp(-2 * x))  # Bayes at equal rates
    Q = np.stack([1 - q, q], axis=1)
    rates, corrected = saerens(Q, [0.5, 0.5])
    assert rates[1] == pytest.approx(0.2, abs=0.01)
    truth = 0.2 * q / (0.2 * q + 0.8 * (1 - q))
    np.testing.assert_allclose(corrected[:, 1], truth, atol=0.03)
    unmoved, same = saerens(corrected, rates)
    np.testing.assert_allclose(unmoved, rates, atol=1e-4)
    np.testing.assert_allclose(same, corrected, atol=1e-3)
    with pytest.raises(LimbeckError, match="trained_prior"):
        saerens(Q, [1.0, 0.0])
