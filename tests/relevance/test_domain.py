"""Resemblance to a teacher's scenario, and learning who is right, on scenarios where it must matter."""

from __future__ import annotations

import numpy as np
import pytest
from tests.relevance.simulate import accuracy

from limbeck.errors import LimbeckError
from limbeck.relevance import Samples, agreement, auto, domain, uniform
from limbeck.relevance.models.logistic import fit_softmax

K = 6


def _world(where, n, seed):
    """Rows float[n, K] at scenario ``where`` (or everywhere), their classes, and K teachers right near home only."""
    rng = np.random.default_rng(seed)
    home = rng.integers(0, K, n) if where is None else np.full(n, where)
    x = rng.normal(0, 0.4, (n, K)) + 2 * np.eye(K)[home]
    y = rng.integers(0, 2, n)
    skill = np.where(np.arange(K)[:, None] == home, 3.0, 0.5)
    odds = rng.normal(size=(K, n)) + skill * (2 * y - 1) / 2
    return x, y, np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=2)


def test_rows_are_trusted_to_the_teacher_whose_scenario_they_resemble():
    x, y, P = _world(None, 1500, 0)
    samples = [_world(k, 200, 10 + k)[0] for k in range(K)]
    result = domain(P, x, samples)
    assert (result.relevance.argmax(axis=0) == x.argmax(axis=1)).mean() > 0.9
    assert accuracy(result, y) > max(accuracy(uniform(P), y), accuracy(agreement(P), y)) + 0.03


def _labelled():
    """Scenarios that mix all kinds of rows, so that resemblance to *other* teachers can be learnt from each."""
    worlds = [_world(None, 500, 30 + k) for k in range(K)]
    homes = [_world(k, 150, 60 + k) for k in range(K)]
    joined = [
        tuple(np.concatenate([a, b], axis=a.ndim - 2 if a.ndim == 3 else 0) for a, b in zip(m, h, strict=True))
        for m, h in zip(worlds, homes, strict=True)
    ]
    return [j[0] for j in joined], [j[1] for j in joined], [j[2] for j in joined]


def test_with_labels_it_learns_when_a_stranger_is_right():
    x, y, P = _world(None, 1500, 0)
    features, labels, answers = _labelled()
    result = domain(P, x, features, labels, answers)
    right = P.argmax(axis=2) == y
    assert result.relevance.shape == right.shape
    assert abs(result.relevance.mean() - right.mean()) < 0.05
    assert result.relevance[right].mean() > result.relevance[~right].mean() + 0.1
    assert accuracy(result, y) > accuracy(uniform(P), y)


def test_swapping_the_classes_everywhere_swaps_the_answer():
    x, _, P = _world(None, 300, 0)
    features, labels, answers = _labelled()
    one = domain(P, x, features, labels, answers)
    two = domain(P[..., ::-1], x, features, [1 - y for y in labels], [a[..., ::-1] for a in answers])
    np.testing.assert_allclose(two.probabilities[:, ::-1], one.probabilities, atol=1e-4)


def test_auto_takes_domain_only_where_labels_show_that_it_wins():
    x, _, P = _world(None, 600, 0)
    features, labels, answers = _labelled()
    chosen = auto(P, x, Samples(features, labels, answers))
    assert any("`domain`" in note for note in chosen.notes)
    noise = [np.random.default_rng(k).normal(size=f.shape) for k, f in enumerate(features)]
    assert not any("`domain`" in note for note in auto(P, x * 0, Samples(noise, labels, answers)).notes)
    assert not any("`domain`" in note for note in auto(P, x, Samples(features)).notes)


def test_two_teachers_fall_back_to_resemblance_and_say_so():
    x, _, P = _world(None, 100, 0)
    features, labels, answers = _labelled()
    result = domain(P[:2], x, features[:2], labels[:2], [a[:2] for a in answers[:2]])
    assert "three different teachers" in result.notes[0]


def test_samples_that_do_not_fit_are_named():
    x, _, P = _world(None, 50, 0)
    features, labels, answers = _labelled()
    with pytest.raises(LimbeckError, match="one sample for each of 6 teachers"):
        domain(P, x, features[:5])
    with pytest.raises(LimbeckError, match="give both, or neither"):
        domain(P, x, features, labels)
    with pytest.raises(LimbeckError, match=r"sample 2: the features have the shape \(650, 3\)"):
        domain(P, x, [*features[:2], features[2][:, :3], *features[3:]])
    with pytest.raises(LimbeckError, match="sample 0: the sample needs 650 labels"):
        domain(P, x, features, [labels[0] + 5, *labels[1:]], answers)
    with pytest.raises(LimbeckError, match="sample 5: the answers"):
        domain(P, x, features, labels, [*answers[:5], answers[5][:3]])
    with pytest.raises(LimbeckError, match="target features"):
        domain(P, x[:7], features)


def test_softmax_regression_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, _, _ = _world(None, 400, 4)
    y = x.argmax(axis=1)
    model = fit_softmax(x, np.eye(K)[y], np.ones(len(x)), ridge=1e-2)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    other = LogisticRegression(C=1 / (1e-2 * len(x)), tol=1e-8, max_iter=2000).fit(z, y)
    np.testing.assert_allclose(model(x), other.predict_proba(z), atol=2e-3)
