"""What must hold of every calculator, whatever the answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.relevance.simulate import accuracy, teachers

from limbeck import relevance as rel

N = 300


def _rows(n=N, seed=7):
    return np.random.default_rng(seed).choice(n, 60, replace=False)


def _features(count, n=N, seed=3):
    """Scenario samples and target rows float[., 3] that are a function of the rows alone."""
    rng = np.random.default_rng(seed)
    samples = [rng.normal(size=(60, 3)) + np.eye(3)[k % 3] * (1 + k) for k in range(count)]
    return rng.normal(size=(n, 3)) + 1, samples


class Case:
    """A calculator with everything it needs beside P, for K teachers, able to reorder what belongs to them."""

    def __init__(self, name, call, *, estimates=True, atol=1e-7):
        self.name, self.call, self.estimates, self.atol = name, call, estimates, atol


def _fixed(P, order, y):
    return rel.fixed(P, (1.0 + np.arange(100.0))[order])


def _domain(P, order, y):
    target, samples = _features(100)
    return rel.domain(P, target, [samples[k] for k in order])


def _domain_right(P, order, y):
    target, samples = _features(100)
    answers, labels = [], []
    for k in order:
        A, truth = teachers(np.linspace(0.3, 2, 100), 60, P.shape[2], seed=50 + k)
        answers.append(A[order])
        labels.append(truth)
    return rel.domain(P, target, [samples[k] for k in order], labels, answers)


def _reviewed(P, order, y):
    rows = _rows(P.shape[1])
    return rel.reviewed(P, rows, y[rows], rel.uniform_logit(P))


def _plain(method, **options):
    return lambda P, order, y: method(P, **options)


CASES = [
    Case("uniform", _plain(rel.uniform), estimates=False),
    Case("uniform-logit", _plain(rel.uniform_logit), estimates=False),
    Case("majority", _plain(rel.majority), estimates=False),
    Case("fixed", _fixed, estimates=False),
    Case("confidence", _plain(rel.confidence), estimates=False),
    Case("factor", _plain(rel.agreement, model="factor")),
    Case("dawid-skene", _plain(rel.agreement, model="dawid-skene"), atol=1e-4),
    Case("consensus", _plain(rel.consensus, samples=200)),
    Case("domain", _domain, atol=1e-3),
    Case("domain-right", _domain_right, atol=2e-3),
    Case("reviewed", _reviewed, atol=1e-4),
    Case("auto", _plain(rel.auto)),
]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
untaught = [c for c in CASES if c.name != "domain-right"]  # whose lessons carry labels, and unflipped teachers
every_untaught = pytest.mark.parametrize("case", untaught, ids=lambda case: case.name)
untaught_estimators = pytest.mark.parametrize("case", [c for c in untaught if c.estimates], ids=lambda case: case.name)
estimators = pytest.mark.parametrize("case", [c for c in CASES if c.estimates], ids=lambda case: case.name)
some = settings(max_examples=6, deadline=None)
seeds, sizes, widths = st.integers(0, 10_000), st.integers(2, 7), st.integers(2, 4)


def _panel(seed, K, C):
    """K teachers of mixed skill on N rows, some abstaining."""
    rng = np.random.default_rng(seed)
    P, y = teachers(rng.uniform(0.3, 2.5, K), N, C, seed=seed)
    P[rng.random((K, N)) < 0.1] = np.nan
    return P, y


def _mean(relevance):
    return relevance if relevance.ndim == 1 else relevance.mean(axis=1)


@every
@some
@given(seed=seeds, K=sizes, C=widths)
def test_permuting_teachers_permutes_relevance_and_leaves_the_answer(case, seed, K, C):
    P, y = _panel(seed, K, C)
    order = np.random.default_rng(seed).permutation(K)
    before, after = case.call(P, np.arange(K), y), case.call(P[order], order, y)
    np.testing.assert_allclose(after.probabilities, before.probabilities, atol=case.atol)
    np.testing.assert_allclose(after.relevance, before.relevance[order], atol=10 * case.atol)


@every
@some
@given(seed=seeds, K=sizes, C=widths)
def test_a_duplicated_teacher_adds_no_evidence(case, seed, K, C):
    P, y = _panel(seed, K, C)
    order = np.append(np.arange(K), 0)
    once, twice = case.call(P, np.arange(K), y), case.call(P[order], order, y)
    np.testing.assert_allclose(twice.probabilities, once.probabilities, atol=max(case.atol, 1e-6))
    np.testing.assert_allclose(twice.relevance[-1], twice.relevance[0])


@every_untaught  # swapping them in the lessons too: test_domain
@some
@given(seed=seeds, K=sizes, C=widths)
def test_permuting_classes_permutes_the_answer(case, seed, K, C):
    P, y = _panel(seed, K, C)
    classes = np.random.default_rng(seed).permutation(C)
    place = np.argsort(classes)
    before, after = case.call(P, np.arange(K), y), case.call(P[:, :, classes], np.arange(K), place[y])
    np.testing.assert_allclose(after.probabilities, before.probabilities[:, classes], atol=max(case.atol, 1e-6))
    np.testing.assert_allclose(after.relevance, before.relevance, atol=10 * max(case.atol, 1e-6))


@every
@some
@given(seed=seeds, C=widths)
def test_one_teacher_is_returned(case, seed, C):
    P, y = _panel(seed, 1, C)
    result = case.call(P, np.array([0]), y)
    rest = np.setdiff1d(np.flatnonzero(rel.answered(P)), _rows() if case.name == "reviewed" else [])
    np.testing.assert_allclose(result.probabilities[rest], P[0][rest], atol=1e-6)


@every
@some
@given(seed=seeds, K=sizes, C=widths)
def test_a_row_that_nobody_answers_gets_the_average_of_the_others(case, seed, K, C):
    P, y = _panel(seed, K, C)
    P[:, 11] = np.nan
    result = case.call(P, np.arange(K), y)
    assert not rel.answered(P)[11]
    known = rel.answered(P)
    if case.name == "reviewed":  # its average is over rows before their labels are put in
        known[_rows()] = False
    Q = result.probabilities
    np.testing.assert_allclose(Q.sum(axis=1), 1, atol=1e-9)
    assert Q.dtype == np.float64 and (Q >= 0).all()
    np.testing.assert_allclose(Q[11], Q[known].mean(axis=0), atol=1e-9)


@every
def test_a_constant_teacher_moves_the_answer_little(case):
    P, y = teachers([1.6, 1.3, 1.5, 1.8, 1.2, 1.4], N, seed=5)
    with_it = np.concatenate([P, np.full((1, N, 2), [0.4, 0.6])])
    before, after = case.call(P, np.arange(1, 7), y), case.call(with_it, np.r_[1:7, 0], y)
    assert abs(accuracy(after, y) - accuracy(before, y)) < 0.011


@estimators
def test_a_constant_teacher_ends_at_the_bottom(case):
    P, y = teachers([1.6, 1.3, 1.5, 1.8, 1.2, 1.4], N, seed=5)
    with_it = np.concatenate([np.full((1, N, 2), [0.4, 0.6]), P])
    trust = _mean(case.call(with_it, np.r_[6, 0:6], y).relevance)
    if case.name == "domain-right":  # it learnt on rows where this teacher, the best resembling, answered
        assert trust[0] <= np.median(trust)
    else:
        assert trust.argmin() == 0


@untaught_estimators
@pytest.mark.parametrize("seed", range(3))
def test_a_flipped_minority_ends_at_the_bottom(case, seed):
    P, y = teachers(np.linspace(1.2, 2.2, 9), N, seed=seed, flipped=(0, 4, 7))
    result = case.call(P, np.arange(9), y)
    assert set(np.argsort(_mean(result.relevance))[:3]) == {0, 4, 7}


def _rules(seed, K, C):
    """K teachers like rules: each speaks of few rows, in few numbers, some of them even; the last one never speaks.

    Nobody answers a fifth of the rows at least, and a tenth is answered evenly by all who speak.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, C, N)
    P = np.full((K + 1, N, C), np.nan)
    for k in range(K):
        named = np.where(rng.random(N) < 0.75, y, rng.integers(0, C, N))
        P[k] = np.where(np.arange(C) == named[:, None], 0.9, 0.1 / (C - 1))
        P[k, rng.random(N) < 0.6] = np.nan
    P[:, :30] = np.where(np.isnan(P[:, :30]), np.nan, 1 / C)
    P[:, 30:90] = np.nan
    return P, y


@every_untaught
@pytest.mark.parametrize("C", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_turning_the_classes_round_changes_no_figure_but_its_place(case, seed, C):
    """Neither silence nor even answers count for the class that is named first."""
    P, y = _rules(seed, 5, C)
    order = np.arange(len(P))
    before, after = case.call(P, order, y), case.call(P[:, :, ::-1], order, C - 1 - y)
    np.testing.assert_allclose(after.probabilities, before.probabilities[:, ::-1], atol=max(case.atol, 1e-6))
    np.testing.assert_allclose(after.relevance, before.relevance, atol=10 * max(case.atol, 1e-6))
    known = rel.answered(P)
    one, other = rel.class_shares(before.probabilities[known]), rel.class_shares(after.probabilities[known])
    np.testing.assert_allclose(other, one[::-1], atol=1e-9)
    found = [rel.accuracy_estimate(p, r) for p, r in ((P, before), (P[:, :, ::-1], after))]
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(
        rel.accuracy_by_class(P[:, :, ::-1], after), rel.accuracy_by_class(P, before)[:, ::-1], atol=1e-3
    )
    np.testing.assert_array_equal(rel.decided(P[:, :, ::-1], after.relevance), rel.decided(P, before.relevance))


@every_untaught
@pytest.mark.parametrize("C", [2, 4])
def test_rows_that_nobody_answers_are_no_evidence(case, C):
    """Leaving them out changes neither the relevance nor what is said of the others."""
    P, y = _rules(7, 6, C)
    known = rel.answered(P) if case.name != "reviewed" else rel.answered(P) | np.isin(np.arange(N), _rows())
    kept = np.flatnonzero(known)
    with_them = case.call(P, np.arange(len(P)), y)
    if case.name == "reviewed":
        rows = _rows()
        without = rel.reviewed(P[:, kept], np.searchsorted(kept, rows), y[rows], rel.uniform_logit(P[:, kept]))
    elif case.name == "domain":
        target, samples = _features(100)
        without = rel.domain(P[:, kept], target[kept], [samples[k] for k in range(len(P))])
    else:
        without = case.call(P[:, kept], np.arange(len(P)), y[kept])
    np.testing.assert_allclose(without.probabilities, with_them.probabilities[kept], atol=max(case.atol, 1e-6))
    whole = with_them.relevance if with_them.relevance.ndim == 1 else with_them.relevance[:, kept]
    np.testing.assert_allclose(without.relevance, whole, atol=10 * max(case.atol, 1e-6))
