"""A few labels fix what agreement cannot see."""

from __future__ import annotations

import numpy as np
import pytest
from tests.relevance.simulate import accuracies, accuracy, teachers

from limbeck.errors import LimbeckError
from limbeck.relevance import agreement, reviewed, uniform_logit


@pytest.mark.parametrize("classes", [2, 3])
def test_a_hundred_labels_correct_a_shared_lean(classes):
    P, y = teachers([1.0, 1.2, 0.8, 1.1, 0.9, 1.3], 3000, classes, seed=0)
    P[:, :, 0] *= 12
    P /= P.sum(axis=2, keepdims=True)
    base = uniform_logit(P)
    rows = np.random.default_rng(1).choice(3000, 100, replace=False)
    result = reviewed(P, rows, y[rows], base)
    rest = np.setdiff1d(np.arange(3000), rows)
    before, after = (float((r.probabilities.argmax(axis=1) == y)[rest].mean()) for r in (base, result))
    assert after > before + 0.05
    np.testing.assert_allclose(result.probabilities[rows], np.eye(classes)[y[rows]])
    assert result.notes[-1] == "100 reviewed labels were used."


def test_labels_reverse_a_flipped_majority():
    P, y = teachers([1.2] * 6, 2000, seed=2, flipped=(0, 1, 2, 3))
    base = agreement(P)
    rows = np.arange(150)
    result = reviewed(P, rows, y[rows], base)
    assert accuracy(base, y) < 0.3 and accuracy(result, y) > 0.6
    assert result.relevance[4:].min() > result.relevance[:4].max()


def test_accuracies_are_beta_posteriors_worth_twenty_labels():
    P, y = teachers([1.0, 1.5, 2.0, 1.2, 0.7], 2000, seed=3)
    base = agreement(P)
    none, some = reviewed(P, [], [], base), reviewed(P, np.arange(200), y[:200], base)
    np.testing.assert_array_equal(none.probabilities, base.probabilities)
    right = (P.argmax(axis=2) == y)[:, :200].sum(axis=1)
    np.testing.assert_allclose(some.relevance, (20 * none.relevance + right) / 220)
    assert np.abs(some.relevance - accuracies(P, y)).max() < 0.06


def test_labels_that_do_not_fit_are_refused():
    P, _ = teachers([1, 1, 1], 30)
    base = agreement(P)
    for rows, labels in (([0, 0], [1, 1]), ([30], [0]), ([0], [2]), ([0, 1], [0]), ([0.5], [1])):
        with pytest.raises(LimbeckError, match="reviewed"):
            reviewed(P, rows, labels, base)
