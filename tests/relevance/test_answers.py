"""Answers are checked once, and the mistake is named by teacher and row."""

from __future__ import annotations

import numpy as np
import pytest
from tests.relevance.simulate import teachers

from limbeck.errors import LimbeckError
from limbeck.relevance import METHODS, answered, checked, fixed, uniform
from limbeck.relevance.probabilities import class_shares, cut_for, logit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([np.nan, 0.5], "teacher 2, row 17: the answer is NaN for some classes only"),
        ([np.inf, 0.5], "teacher 2, row 17: the answer holds an infinite number"),
        ([-0.1, 1.1], "teacher 2, row 17: the answer holds a negative probability"),
        ([0.5, 0.502], "teacher 2, row 17: the answer does not sum to one"),
    ],
)
def test_a_bad_row_is_named(value, words):
    P, _ = teachers([1, 1, 1], 30)
    P[0, 3] = np.nan
    P[2, 17] = value
    with pytest.raises(LimbeckError, match=words):
        checked(P)


@pytest.mark.parametrize("shape", [(3, 4), (0, 4, 2), (2, 0, 2), (2, 4, 1)])
def test_a_bad_shape_is_refused(shape):
    with pytest.raises(LimbeckError):
        checked(np.ones(shape))


def test_half_precision_answers_pass_and_keep_small_probabilities():
    P = np.array([[[0.9999, 0.0001], [0.5, 0.5]]]).astype(np.float16)
    assert checked(P).dtype == np.float64
    assert logit(checked(P)[0], 0)[0] == pytest.approx(np.log(9999), abs=0.01)


def test_answered_and_abstentions():
    P, _ = teachers([1, 1], 5)
    P[0, 1] = P[:, 2] = np.nan
    assert answered(P).tolist() == [True, True, False, True, True]
    Q = uniform(P).probabilities
    np.testing.assert_allclose(Q[1], P[1, 1])
    np.testing.assert_allclose(Q[2], Q[[0, 1, 3, 4]].mean(axis=0))
    assert uniform(np.full((2, 3, 4), np.nan)).probabilities.tolist() == [[0.25] * 4] * 3


def test_weights_are_checked():
    P, _ = teachers([1, 1], 5)
    for weights in ([1], [-1, 2], [0, 0], [np.nan, 1]):
        with pytest.raises(LimbeckError):
            fixed(P, weights)
    np.testing.assert_allclose(fixed(P, [3, 1]).probabilities, (3 * P[0] + P[1]) / 4)


def test_every_method_of_the_design_is_listed():
    assert {"uniform", "fixed", "confidence", "agreement", "domain", "consensus", "reviewed", "auto"} <= set(METHODS)


def test_a_cut_between_different_scores_is_their_quantile():
    scores = np.random.default_rng(0).normal(size=501)
    assert cut_for(scores, 0.3) == np.quantile(scores, 0.7)


@pytest.mark.parametrize("rate", [0.2, 0.45, 0.55, 0.8])
@pytest.mark.parametrize("levels", [2, 3, 5])
def test_a_cut_of_equal_scores_leaves_none_of_them_tied(levels, rate):
    """It is the one whose share of rows above is nearest to the rate, and the same seen from the other class."""
    scores = np.repeat(np.arange(levels, dtype=float), 60) - 1.7
    cut = cut_for(scores, rate)
    assert not np.isclose(scores, cut).any()
    possible = np.arange(1, levels) / levels  # one side is never empty
    assert (scores > cut).mean() == pytest.approx(possible[np.abs(possible - rate).argmin()])
    assert cut_for(-scores, 1 - rate) == pytest.approx(-cut)


def test_scores_that_are_all_equal_are_not_moved():
    assert cut_for(np.full(9, 0.4), 0.9) == 0.4


def test_rows_on_which_classes_tie_count_for_them_alike():
    Q = np.array([[0.5, 0.5, 0.0], [0.2, 0.2 + 1e-12, 0.6], [1 / 3] * 3, [0.4, 0.4, 0.2]])
    np.testing.assert_allclose(class_shares(Q), [(1 + 1 / 3) / 4, (1 + 1 / 3) / 4, (1 + 1 / 3) / 4])
