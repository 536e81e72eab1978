"""Label-free accuracies, their intervals, and who decided what."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.relevance.simulate import accuracies, accuracy, teachers

from limbeck.errors import LimbeckError
from limbeck.relevance import (
    Fused,
    accuracy_by_class,
    accuracy_estimate,
    agreement,
    balanced_accuracy,
    calibration_estimate,
    decided,
    expected_accuracy,
    uniform,
)


def test_accuracies_are_estimated_without_a_label():
    P, y = teachers(np.linspace(0.2, 2.0, 9), 4000, seed=1)
    result = agreement(P)
    found = accuracy_estimate(P, result)
    true = accuracies(P, y)
    assert spearmanr(found.estimate, true)[0] > 0.95
    assert ((found.low <= true) & (true <= found.high)).all()
    assert (found.low < found.estimate).all() and (found.high - found.low < 0.35).all()


def test_the_expected_accuracy_of_the_answer_errs_on_the_side_of_caution():
    for skills in ([0.5] * 5, [1.0] * 7, [2.0] * 9):
        P, y = teachers(skills, 4000, seed=5)
        result = agreement(P)  # independent errors, as the model has it; real teachers share some
        assert accuracy(result, y) - 0.12 < expected_accuracy(result.probabilities) < accuracy(result, y) + 0.02


def test_recalls_are_estimated_by_class():
    P, y = teachers([1.5] * 7, 4000, seed=2)
    P[0] = P[0] ** np.array([1, 0.5]) / (P[0] ** np.array([1, 0.5])).sum(axis=1, keepdims=True)
    result = agreement(P)
    true = np.array([[(a.argmax(axis=1) == c)[y == c].mean() for c in (0, 1)] for a in P])
    np.testing.assert_allclose(accuracy_by_class(P, result), true, atol=0.08)
    np.testing.assert_allclose(balanced_accuracy(P, result), true.mean(axis=1), atol=0.08)


def test_a_constant_teacher_has_the_balanced_accuracy_of_chance():
    P, _ = teachers([1.5] * 4, 500, prior=[0.9, 0.1], seed=3)
    P[2] = [0.8, 0.2]
    assert balanced_accuracy(P, uniform(P))[2] == pytest.approx(0.5)


def test_a_teacher_that_never_answers_has_no_estimate():
    P, _ = teachers([1.5] * 4, 200, seed=4)
    P[1] = np.nan
    found = accuracy_estimate(P, agreement(P))
    assert np.isnan([x[1] for x in found]).all() and np.isfinite(found.estimate[[0, 2, 3]]).all()


def test_rows_are_counted_to_whoever_pushed_hardest():
    P = np.array([[[0.9, 0.1], [0.6, 0.4], [np.nan] * 2], [[0.6, 0.4], [0.2, 0.8], [np.nan] * 2]])
    assert decided(P, [1.0, 1.0]).tolist() == [1, 1]
    assert decided(P, [0.0, 1.0]).tolist() == [0, 2]
    assert decided(P, [[0, 1, 1], [1, 0, 1]]).tolist() == [1, 1]
    with pytest.raises(LimbeckError, match="relevance"):
        decided(P, [1.0])


def test_a_result_of_other_rows_is_refused():
    P, _ = teachers([1, 1], 20)
    with pytest.raises(LimbeckError, match="fused from"):
        accuracy_estimate(P, uniform(P[:, :10]))


def test_a_teacher_surer_than_it_is_right_is_off_by_the_difference():
    y = np.arange(1000) % 2
    right = np.arange(1000) % 5 > 0  # four of five
    sure = np.where(np.eye(2)[np.where(right, y, 1 - y)] > 0, 0.95, 0.05)
    honest = np.where(np.eye(2)[np.where(right, y, 1 - y)] > 0, 0.8, 0.2)
    silent = np.full_like(sure, np.nan)
    result = Fused(np.eye(2)[y], np.ones(3))
    found = calibration_estimate(np.stack([sure, honest, silent]), result)
    np.testing.assert_allclose(found, [0.15, 0.0, np.nan], atol=1e-9)
