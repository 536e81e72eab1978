"""Ranking curves agree with scikit-learn, with ties, weights and single classes."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limbeck.metrics import measure as metrics

CASES = {
    "continuous": lambda rng: (rng.random(300) < 0.3, rng.normal(size=300)),
    "tied": lambda rng: (rng.random(300) < 0.5, rng.integers(0, 6, 300) / 5),
    "constant": lambda rng: (rng.random(40) < 0.5, np.full(40, 0.5)),
    "separable": lambda rng: (np.arange(60) >= 40, np.arange(60) / 60),
    "reversed": lambda rng: (np.arange(60) < 20, np.arange(60) / 60),
    "two rows": lambda rng: (np.array([True, False]), np.array([0.2, 0.7])),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param](np.random.default_rng(3))


@pytest.mark.parametrize("weighted", [False, True])
def test_areas_and_curves_are_scikit_learns(case, weighted):
    y, s = case
    w = np.random.default_rng(1).integers(1, 5, len(y)).astype(float) if weighted else None
    assert metrics.roc_auc(y, s, w) == pytest.approx(sk.roc_auc_score(y, s, sample_weight=w))
    assert metrics.average_precision(y, s, w) == pytest.approx(sk.average_precision_score(y, s, sample_weight=w))
    precision, recall, _ = sk.precision_recall_curve(y, s, sample_weight=w)
    assert metrics.pr_auc(y, s, w) == pytest.approx(sk.auc(recall, precision))
    fpr, tpr, thresholds = metrics.roc_curve(y, s, w)
    expected = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    for ours, theirs in zip((fpr, tpr, thresholds), expected, strict=True):
        np.testing.assert_allclose(ours, theirs)
    ours_p, ours_r, _ = metrics.precision_recall_curve(y, s, w)
    assert len(ours_p) >= len(precision)
    assert np.trapezoid(ours_p, ours_r) == pytest.approx(sk.auc(recall, precision))
    false_alarms, misses, _ = metrics.det_curve(y, s, w)
    np.testing.assert_allclose(false_alarms, fpr)
    np.testing.assert_allclose(misses, 1 - tpr)


def test_equal_error_rate_lies_on_the_roc_curve_where_errors_are_equal(case):
    y, s = case
    eer = metrics.equal_error_rate(y, s)
    fpr, tpr, _ = metrics.roc_curve(y, s)
    # The crossing is where the polyline meets the falling diagonal: bisect along its length to find it anew.
    steps = np.linspace(0, len(fpr) - 1, 200_001)
    f, t = np.interp(steps, np.arange(len(fpr)), fpr), np.interp(steps, np.arange(len(tpr)), tpr)
    nearest = np.argmin(np.abs(f - (1 - t)))
    assert eer == pytest.approx(f[nearest], abs=1e-2)
    assert eer == pytest.approx(1 - t[nearest], abs=1e-2)


def test_equal_error_rate_of_a_known_table():
    y = np.array([0] * 10 + [1] * 10, dtype=bool)
    s = np.array([0.1] * 8 + [0.9] * 2 + [0.1] * 2 + [0.9] * 8)
    assert metrics.equal_error_rate(y, s) == pytest.approx(0.2)


@pytest.mark.parametrize("y", [np.zeros(5, bool), np.ones(5, bool), np.zeros(0, bool)])
def test_what_is_undefined_is_none(y):
    s = np.linspace(0, 1, len(y))
    assert metrics.roc_auc(y, s) is None
    assert metrics.equal_error_rate(y, s) is None
    assert (metrics.average_precision(y, s) is None) == (not y.any())
    assert (metrics.pr_auc(y, s) is None) == (not y.any())


def test_a_nan_score_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        metrics.roc_auc([True, False], [0.1, np.nan])


rows = st.integers(4, 60).flatmap(
    lambda n: st.tuples(arrays(bool, n), arrays(np.int64, n, elements=st.integers(-20, 20)))
)


@settings(max_examples=60, deadline=None)
@given(rows)
def test_areas_depend_on_the_order_of_scores_only(case):
    y, s = case
    for area in (metrics.roc_auc, metrics.average_precision, metrics.pr_auc, metrics.equal_error_rate):
        plain, bent = area(y, s), area(y, np.exp(s / 7.0) * 3 - 1)
        assert plain == (bent if bent is None else pytest.approx(bent))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_swapping_the_classes_and_the_order_leaves_auc_and_eer(case):
    y, s = case
    for area in (metrics.roc_auc, metrics.equal_error_rate):
        one, other = area(y, s), area(~y, -s)
        assert one == (other if other is None else pytest.approx(other, abs=1e-12))


@settings(max_examples=60, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_a_weight_is_a_number_of_copies_and_row_order_is_nothing(case, random):
    y, s = case
    w = np.array([random.randint(0, 3) for _ in y])
    shuffled = np.array(random.sample(range(len(y)), len(y)))
    for area in (metrics.roc_auc, metrics.average_precision, metrics.pr_auc, metrics.equal_error_rate):
        copies = area(np.repeat(y, w), np.repeat(s, w))
        weighted = area(y[shuffled], s[shuffled], w[shuffled])
        assert weighted == (copies if copies is None else pytest.approx(copies))
