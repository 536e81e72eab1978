"""The two models of agreement against what they claim, and Dawid-Skene against the paper's equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.relevance.simulate import accuracies, accuracy, teachers

from limbeck.errors import LimbeckError
from limbeck.relevance import agreement, consensus, dawid_skene, shapley, uniform
from limbeck.relevance.distinct_teachers import near_voters
from limbeck.relevance.models.one_factor import loadings_of


def literal_dawid_skene(P, smoothing=1.0, iterations=30):
    """Equations 2.3 to 2.5 with loops, products and no logarithm; ends on the M-step."""
    T = P.mean(axis=0)
    confusion, prior = literal_m_step(P, T, smoothing)
    for _ in range(iterations):
        T = literal_e_step(P, confusion, prior)
        confusion, prior = literal_m_step(P, T, smoothing)
    return confusion, prior


def literal_m_step(P, T, smoothing):
    K, N, C = P.shape
    confusion = np.zeros((K, C, C))
    for k in range(K):
        for c in range(C):
            for j in range(C):
                confusion[k, c, j] = sum(T[n, c] * P[k, n, j] for n in range(N)) + smoothing
            confusion[k, c] /= confusion[k, c].sum()
    prior = np.array([T[:, c].sum() + smoothing for c in range(C)])
    return confusion, prior / prior.sum()


def literal_e_step(P, confusion, prior):
    K, N, C = P.shape
    T = np.zeros((N, C))
    for n in range(N):
        for c in range(C):
            T[n, c] = prior[c]
            for k in range(K):
                for j in range(C):
                    T[n, c] *= confusion[k, c, j] ** P[k, n, j]
        T[n] /= T[n].sum()
    return T


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("hard", [False, True])
def test_dawid_skene_is_the_papers_equations(classes, hard):
    P, _ = teachers([1.0, 1.5, 2.0], 60, classes, seed=classes)
    if hard:
        P = np.eye(classes)[P.argmax(axis=2)]
    confusion, prior = literal_dawid_skene(P)
    found = dawid_skene(P, iterations=30, tolerance=0)
    np.testing.assert_allclose(found.confusion, confusion, atol=1e-8)
    np.testing.assert_allclose(found.prior, prior, atol=1e-8)
    np.testing.assert_allclose(found.posterior, literal_e_step(P, confusion, prior), atol=1e-8)


def test_dawid_skene_finds_the_confusion_matrices_of_votes():
    rng = np.random.default_rng(0)
    truth = np.array([[[0.8, 0.2, 0], [0.1, 0.9, 0], [0.1, 0.3, 0.6]], [[0.7, 0.1, 0.2], [0, 1, 0], [0, 0.2, 0.8]]])
    truth = np.concatenate([truth, truth[::-1, ::-1, ::-1], truth[:1]])
    y = rng.choice(3, 4000, p=[0.5, 0.3, 0.2])
    P = np.stack([np.eye(3)[[rng.choice(3, p=m[c]) for c in y]] for m in truth])
    P[rng.random(P.shape[:2]) < 0.2] = np.nan
    found = dawid_skene(P)
    assert np.abs(found.confusion - truth).max() < 0.06
    assert np.abs(found.prior - [0.5, 0.3, 0.2]).max() < 0.03


@pytest.mark.parametrize("model", ["factor", "dawid-skene"])
@pytest.mark.parametrize("classes", [2, 4])
def test_relevance_ranks_teachers_by_their_accuracy(model, classes):
    P, y = teachers(np.linspace(0.2, 2.5, 9), 3000, classes, seed=1)
    result = agreement(P, model=model)
    assert spearmanr(result.relevance, accuracies(P, y))[0] > 0.9
    assert accuracy(result, y) > accuracy(uniform(P), y)


def test_shapley_ranks_teachers_by_their_accuracy():
    P, y = teachers(np.linspace(0.2, 2.5, 9), 3000, seed=1)
    assert spearmanr(consensus(P).relevance, accuracies(P, y))[0] > 0.9


def test_loadings_are_recovered_from_the_correlations_they_imply():
    l = np.array([0.9, 0.7, 0.5, 0.3, -0.6, 0.8, 0.4])  # noqa: E741
    corr = np.outer(l, l)
    np.fill_diagonal(corr, 1)
    found = loadings_of(corr)
    assert (np.argsort(found) == np.argsort(l)).all()
    assert np.abs(found - l).max() < 0.12  # positive ones are shrunk to their mean by a third


def test_a_teachers_own_threshold_does_not_hurt_the_factor_model():
    P, y = teachers([1.5] * 7, 3000, seed=2)
    odds = np.log(P[..., 1] / P[..., 0]) + np.array([4, 3, 0, -0.5, 4, 3, 0])[:, None]
    P = np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=2)
    result = agreement(P, prior=[0.5, 0.5])
    assert accuracy(result, y) > accuracy(uniform(P), y) + 0.1


def test_many_abstentions_do_not_confuse_the_ranking():
    P, y = teachers(np.linspace(0.3, 2.5, 9), 4000, seed=3)
    true = accuracies(P, y)
    P[np.random.default_rng(0).random(P.shape[:2]) < 0.6] = np.nan
    for model in ("factor", "dawid-skene"):
        assert spearmanr(agreement(P, model=model).relevance, true)[0] > 0.85


def test_near_copies_are_found_in_any_order_and_are_one_voter():
    P, _ = teachers([1.0, 1.2, 1.4, 1.6], 500, seed=4)
    odds = np.log(P[1, :, 1] / P[1, :, 0]) * 1.7 + 0.4 + np.random.default_rng(0).normal(0, 0.1, 500)
    copy = np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=1)
    members = near_voters(np.concatenate([P, copy[None]])).members
    assert sorted(members) == [(0,), (1, 4), (2,), (3,)]


def test_shapley_values_are_exact_where_all_orders_are_alike():
    values, error = shapley(np.array([[1, 0.5, 0.0], [0.5, 1, 0.0], [0.0, 0.0, 0.0]]), samples=50)
    assert values[2] == 0 and values[0] == pytest.approx(values[1], abs=0.05)
    assert values.sum() == pytest.approx(1.0 / (np.sqrt(3) * 2))  # efficiency: they sum to the worth of all
    assert error.shape == (3,)


def test_mistakes_are_named():
    P, _ = teachers([1, 1, 1], 30)
    with pytest.raises(LimbeckError, match="did you mean 'factor'"):
        agreement(P, model="facter")
    with pytest.raises(LimbeckError, match="one class rate"):
        agreement(P, prior=[0.2, 0.3, 0.5])
    with pytest.raises(LimbeckError, match="smoothing"):
        dawid_skene(P, smoothing=0)
    with pytest.raises(LimbeckError, match="permutation"):
        consensus(P, samples=0)
