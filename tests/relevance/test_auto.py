"""`auto` says what it chose and why, and keeps out of what it cannot know."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.relevance.simulate import accuracies, accuracy, teachers

from limbeck.relevance import agreement, auto, confidence, consensus, uniform, uniform_logit


def _said(result, words):
    return any(words in note for note in result.notes)


def test_few_teachers_are_averaged():
    P, _ = teachers([1, 2, 1.5], 500)
    result = auto(P)
    assert _said(result, "Use uniform: 3 different teachers")
    np.testing.assert_array_equal(result.probabilities, uniform_logit(P).probabilities)


def test_teachers_who_only_guess_are_not_to_be_trusted():
    P, _ = teachers([0] * 7, 2000)
    assert _said(auto(P), "Do not trust any of these teachers")
    constant = np.full((5, 100, 2), [0.3, 0.7]) + np.arange(5)[:, None, None] * np.array([0.01, -0.01])
    assert _said(auto(constant), "same answer to every row")


def test_two_camps_are_not_to_be_trusted():
    P, _ = teachers([1.5] * 9, 2000, flipped=(0, 1, 2, 3))
    assert _said(auto(P), "speak against")


def test_equal_teachers_are_averaged():
    P, _ = teachers([1.5] * 8, 20_000)
    assert _said(auto(P), "follow the common answer equally well")


def test_flipped_teachers_are_left_out_and_named():
    P, y = teachers(np.linspace(0.8, 2.0, 9), 3000, seed=1, flipped=(2, 5, 6))
    clean, _ = teachers(np.linspace(0.8, 2.0, 9), 3000, seed=1)
    result = auto(P)
    assert _said(result, "Teachers 2, 5, 6 speak against the common answer")
    assert set(np.argsort(result.relevance)[:3]) == {2, 5, 6}
    assert accuracy(result, y) > accuracy(auto(clean), y) - 0.02
    assert accuracy(result, y) > accuracy(uniform(P), y) + 0.03


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_relevance_ranks_teachers(classes, seed):
    P, y = teachers(np.random.default_rng(seed).uniform(0.2, 2.5, 9), 3000, classes, seed=seed)
    result = auto(P)
    assert spearmanr(result.relevance, accuracies(P, y))[0] > 0.8
    assert accuracy(result, y) >= accuracy(uniform(P), y) - 0.003


def test_copies_are_named():
    P, _ = teachers([1, 2, 1.5], 500)
    assert _said(auto(P[[0, 1, 2, 0]]), "Teachers 0, 3 answer alike")


@pytest.mark.parametrize("method", [uniform, confidence, agreement, consensus, auto])
@pytest.mark.timeout(120)  # a guard against work without end, not a measurement
def test_cost_grows_with_the_rows_only(method):
    P, y = teachers(np.linspace(0.5, 2, 16), 50_000, seed=0)
    result = method(P.astype(np.float32))
    assert accuracy(result, y) > 0.9


@pytest.mark.parametrize("classes", [3, 6, 20])
@pytest.mark.parametrize("skill", [1.0, 2.5])
def test_many_classes_never_end_with_one_for_every_row(classes, skill):
    P, y = teachers(np.random.default_rng(7).uniform(0.2, skill, 7), 1500, classes, seed=7)
    assert accuracy(auto(P), y) > accuracy(uniform_logit(P), y) - 0.03
