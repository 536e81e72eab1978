"""The cut statistic: answers that their neighbourhood contradicts stand out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from limbeck.errors import LimbeckError
from limbeck.relevance import best_agreed, cut_statistic, neighbours


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def simulated(seed, n=40, classes=3, columns=6):
    """Random directions and random soft answers: no two similarities are equal."""
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(n, columns))), rng.dirichlet(np.ones(classes), n)


def clusters(n=600, share=0.1, seed=0):
    """Two clear clusters, the class of each row, certain answers, and which of them are wrong."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.4).astype(int)
    x = unit(rng.normal(size=(n, 8)) + 6 * np.eye(8)[y])
    wrong = rng.random(n) < share
    return x, y, np.eye(2)[np.where(wrong, 1 - y, y)], wrong


def slowly(x, Q, k=10):
    """The statistic edge by edge: cut weight less its mean, over its standard deviation, as the paper writes it."""
    n, rates = len(x), Q.mean(axis=0)
    z = np.zeros(n)
    for i in range(n):
        others = sorted((j for j in range(n) if j != i and x[i] @ x[j] > 0), key=lambda j: -(x[i] @ x[j]))[:k]
        weights = [1 / (1 + np.linalg.norm(x[i] - x[j])) for j in others]
        cut = sum(w * (1 - Q[i] @ Q[j]) for w, j in zip(weights, others, strict=True))
        mean = (1 - Q[i] @ rates) * sum(weights)
        variance = np.mean([(Q[i] @ Q[j] - Q[i] @ rates) ** 2 for j in range(n)]) * sum(w * w for w in weights)
        z[i] = (cut - mean) / np.sqrt(variance) if variance > 1e-12 else 0.0
    return z


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_the_count_of_cut_edges_written_out(k, classes):
    x, Q = simulated(0, classes=classes)
    certain = np.eye(classes)[Q.argmax(axis=1)]
    for answers in (Q, certain):
        np.testing.assert_allclose(cut_statistic(x, answers, k=k), slowly(x, answers, k), atol=1e-9)


def test_certain_answers_of_two_classes_have_the_variance_of_the_paper():
    x, _, Q, _ = clusters(60)
    p = Q[:, 1].mean()
    others = np.argsort(-(x @ x[0]))[1:11]
    w = 1 / (1 + np.linalg.norm(x[others] - x[0], axis=1))
    other = 1 - p if Q[0, 1] else p  # chance that an independent answer is the other one
    expected = (w @ (Q[others] @ Q[0] < 0.5) - other * w.sum()) / np.sqrt(p * (1 - p) * (w @ w))
    assert cut_statistic(x, Q)[0] == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), k=st.integers(1, 15))
def test_the_order_of_the_rows_does_not_matter(seed, n, k):
    x, Q = simulated(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_allclose(cut_statistic(x[order], Q[order], k=k), cut_statistic(x, Q, k=k)[order], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), classes=st.permutations(range(4)))
def test_the_names_of_the_classes_do_not_matter(seed, classes):
    x, Q = simulated(seed, classes=4)
    np.testing.assert_allclose(cut_statistic(x, Q[:, classes]), cut_statistic(x, Q), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_row_and_its_copy_get_the_same(seed):
    x, Q = simulated(seed)
    z = cut_statistic(np.concatenate([x, x[:1]]), np.concatenate([Q, Q[:1]]))
    assert z[0] == pytest.approx(z[-1], abs=1e-9)


def test_copies_with_one_answer_speak_for_it_and_copies_with_two_against():
    x, _, Q, _ = clusters(50, share=0.5)
    same, other = np.repeat(Q[:1], 10, axis=0), np.repeat(1 - Q[:1], 10, axis=0)
    copies = np.concatenate([x, np.repeat(x[:1], 10, axis=0)])
    agreed, denied = (cut_statistic(copies, np.concatenate([Q, answers]))[0] for answers in (same, other))
    assert agreed < -1 < 1 < denied


def test_sparse_and_dense_features_and_any_size_of_chunk_give_the_same(monkeypatch):
    x, _, Q, _ = clusters(100)
    whole = cut_statistic(x, Q)
    np.testing.assert_allclose(cut_statistic(sparse.csr_array(x), Q), whole, atol=1e-9)
    monkeypatch.setattr(neighbours, "_CELLS", 700)
    np.testing.assert_allclose(cut_statistic(x, Q), whole, atol=1e-9)


def test_wrong_answers_among_right_ones_are_found():
    x, _, Q, wrong = clusters()
    z = cut_statistic(x, Q)
    assert z[wrong].min() > np.quantile(z[~wrong], 0.95)
    kept = best_agreed(z, Q, 0.8)
    assert not (kept & wrong).any()


def test_among_a_sample_of_the_rows_they_are_still_found(monkeypatch):
    monkeypatch.setattr(neighbours, "POOL", 100)
    x, _, Q, wrong = clusters()
    z = cut_statistic(x, Q, seed=1)
    assert np.array_equal(z, cut_statistic(x, Q, seed=1))
    assert z[wrong].mean() > np.quantile(z[~wrong], 0.95)


def test_random_answers_agree_no_more_than_chance():
    rng = np.random.default_rng(0)
    x, Q = unit(rng.normal(size=(2000, 6))), np.eye(2)[(rng.random(2000) < 0.3).astype(int)]
    z = cut_statistic(x, Q)
    assert abs(z.mean()) < 0.1
    assert z.std() == pytest.approx(1, abs=0.1)


def test_nothing_is_said_where_there_is_nothing_to_compare():
    one = np.array([[1.0, 0.0]])
    assert cut_statistic(one, [[0.2, 0.8]]).tolist() == [0]
    apart = np.eye(5)  # nobody resembles anybody
    assert not cut_statistic(apart, np.eye(2)[[0, 1, 0, 1, 0]]).any()
    assert not cut_statistic(unit(np.ones((5, 2))), np.eye(2)[[1] * 5]).any()  # one answer for all
    assert not cut_statistic(np.zeros((4, 3)), np.eye(2)[[0, 1, 0, 1]]).any()  # empty rows


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), share=st.floats(0.01, 1.0))
def test_the_kept_share_is_that_of_every_class_and_its_lowest_rows(seed, n, share):
    _, Q = simulated(seed, n)
    z = np.random.default_rng(seed).normal(size=n)
    kept, label = best_agreed(z, Q, share), Q.argmax(axis=1)
    for c in np.unique(label):
        mine = label == c
        assert (kept & mine).sum() == int(np.ceil(share * mine.sum()))
        if (mine & ~kept).any():
            assert z[kept & mine].max() <= z[mine & ~kept].min()
    assert best_agreed(z, Q, 1.0).all()


def test_answers_that_are_none_are_refused():
    x, Q = simulated(0)
    with pytest.raises(LimbeckError, match="40 rows of features"):
        cut_statistic(x, Q[:5])
    Q[7] = np.nan
    with pytest.raises(LimbeckError, match="row 7: has no answer"):
        cut_statistic(x, Q)
    with pytest.raises(LimbeckError, match="too few"):
        cut_statistic(x, np.nan_to_num(Q), k=0)
