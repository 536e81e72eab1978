"""Temperatures and thresholds recover known truths, also on rows they were not fitted on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from limbeck.errors import LimbeckError
from limbeck.metrics.calibration import choose_threshold, fit_temperature
from limbeck.metrics.measure import decide, equal_error_rate, measure


def both(s):
    return np.stack([1 - s, s], axis=1)


@pytest.mark.parametrize("truth", [0.4, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_known_temperature_is_found(truth, classes):
    rng = np.random.default_rng(0)
    calm = rng.normal(size=(20_000, classes)) * 1.5
    y = (calm + rng.gumbel(size=calm.shape)).argmax(axis=1)  # labels drawn from softmax(calm)
    found = fit_temperature(calm * truth, y)
    assert found == pytest.approx(truth, rel=0.05)
    exact = minimize_scalar(
        lambda t: -log_softmax(calm * truth / np.exp(t), axis=1)[np.arange(len(y)), y].mean(), bracket=(-1, 2)
    )
    assert found == pytest.approx(np.exp(exact.x), rel=1e-3)


def test_few_rows_that_are_all_right_do_not_ask_for_certainty():
    z = np.array([[2.0, 0.0], [0.0, 2.0]] * 5)
    assert 0.2 < fit_temperature(z, [0, 1] * 5) < 1
    assert fit_temperature(np.zeros((0, 2)), []) == 1.0
    assert np.isfinite(fit_temperature(1e6 * z, [0, 1] * 5))
    with pytest.raises(LimbeckError):
        fit_temperature([[np.nan, 0]], [0])


@pytest.mark.parametrize("rule", ["macro_f1", "f1", "accuracy", "eer"])
def test_a_clean_gap_is_cut_in_its_middle(rule):
    y = np.array([0] * 90 + [1] * 10)
    s = np.concatenate([np.linspace(0.0, 0.3, 90), np.linspace(0.7, 1.0, 10)])
    assert choose_threshold(y, both(s), rule) == pytest.approx(0.5)
    assert choose_threshold(1 - y, both(1 - s), rule) == pytest.approx(0.5)
    assert choose_threshold(1 - y, both(s)[:, ::-1], rule, positive=0) == pytest.approx(0.5)


def test_the_best_cut_of_calibrated_scores_is_one_half_for_accuracy():
    rng = np.random.default_rng(1)
    s = rng.beta(0.7, 0.7, size=2000)
    y = (rng.random(2000) < s).astype(int)
    assert choose_threshold(y, both(s), "accuracy") == pytest.approx(0.5, abs=0.06)


def test_the_equal_error_cut_makes_both_errors_equal():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 4000)
    s = 1 / (1 + np.exp(-rng.normal(size=4000) - 2 * y))
    m = measure(y, both(s), ("a", "b"), threshold=choose_threshold(y, both(s), "eer"), bootstrap=0)
    assert m["fpr"] == pytest.approx(1 - m["recall"], abs=0.01)
    assert m["fpr"] == pytest.approx(equal_error_rate(y, s), abs=0.01)


def test_it_generalises_better_than_the_single_best_cut():
    def draw(n, seed):
        rng = np.random.default_rng(seed)
        y = (rng.random(n) < 0.2).astype(int)
        return y, 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * y + 2))

    test_y, test_s = draw(10_000, 999)

    def macro_f1(y, s, t):
        called = s >= t
        hit = np.array([(~called & (y == 0)).sum(), (called & (y == 1)).sum()])
        return (2 * hit / np.array([(~called).sum() + (y == 0).sum(), called.sum() + (y == 1).sum()])).mean()

    ours, greedy = [], []
    for seed in range(20):
        y, s = draw(150, seed)
        cuts = (np.sort(s)[1:] + np.sort(s)[:-1]) / 2
        values = [macro_f1(y, s, t) for t in cuts]
        greedy.append(macro_f1(test_y, test_s, cuts[int(np.argmax(values))]))
        ours.append(macro_f1(test_y, test_s, choose_threshold(y, both(s))))
    assert np.mean(ours) > np.mean(greedy)


def test_the_threshold_never_sits_on_a_score():
    rng = np.random.default_rng(0)
    s = rng.integers(0, 11, 300) / 10
    y = (rng.random(300) < s).astype(int)
    t = choose_threshold(y, both(s))
    assert np.abs(np.unique(s) - t).min() == pytest.approx(0.05)
    assert (decide(both(s), t, 1) == decide(both(s.astype(np.float32)), t, 1)).all()


def test_plain_cases():
    assert choose_threshold([0, 1], both(np.array([0.1, 0.9])), 0.3) == 0.3
    assert choose_threshold([0, 1, 2], np.eye(3), "f1") == 0.5
    assert choose_threshold([1, 1], both(np.array([0.1, 0.9]))) == 0.5
    with pytest.raises(LimbeckError, match="did you mean 'macro_f1'"):
        choose_threshold([0, 1], both(np.array([0.1, 0.9])), "macrof1")
    with pytest.raises(LimbeckError, match="not between 0 and 1"):
        choose_threshold([0, 1], both(np.array([0.1, 0.9])), 1.5)
