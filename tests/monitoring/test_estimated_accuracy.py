"""Expected accuracy is the truth where probabilities are calibrated, and warns where they may not be."""

import math

import numpy as np
import pytest

from limbeck.bundle.reference import reference_of
from limbeck.monitoring.drift import ANSWERS, SCORES, SIZES, VECTORS, drift
from limbeck.monitoring.estimated_accuracy import estimated_accuracy


def test_calibrated_answers_give_the_accuracy_and_its_bounds():
    rng = np.random.default_rng(0)
    q = rng.uniform(0.5, 1.0, size=4000)
    right = rng.random(4000) < q
    found = estimated_accuracy(np.c_[q, 1 - q], np.zeros(4000, dtype=int))
    assert found.value == pytest.approx(right.mean(), abs=0.02)
    assert found.low < right.mean() < found.high
    assert found.trusted


def test_few_and_foreign_rows_are_warned_of():
    p = np.full((150, 2), 0.5)
    assert estimated_accuracy(p[:50], np.zeros(50, dtype=int)).warning.code == "expected_accuracy.few"
    assert estimated_accuracy(p, np.zeros(150, dtype=int), apart=0.95).warning.code == "expected_accuracy.foreign"
    assert estimated_accuracy(p, np.zeros(150, dtype=int), apart=0.8).trusted
    nothing = estimated_accuracy(p, np.full(150, -1))
    assert math.isnan(nothing.value)
    assert not nothing.trusted


def rows(rng, n, confidence=6.0, length=20.0, moved=0.0):
    """Return probabilities, decisions, sizes and vectors of rows."""
    one = rng.beta(confidence, 2, size=n)
    p = np.where(rng.random(n) < 0.5, one, 1 - one)
    P = np.c_[p, 1 - p]
    return P, P.argmax(axis=1), rng.poisson(length, size=n).astype(float), rng.normal(size=(n, 12)) + moved


def reference(rng):
    P, decided, sizes, vectors = rows(rng, 1500)
    labels = rng.integers(0, 2, size=1500)
    sized, vectors = ("characters", sizes), vectors.astype(np.float32)
    return reference_of(["no", "yes"], P.astype(np.float32), decided, labels, sized, vectors)


def alarms(rng, **change):
    old, found = reference(rng), []
    P, decided, sizes, vectors = rows(rng, 400, **change)
    found = drift(old, P, decided, sizes=sizes, vectors=vectors)
    assert {signal.name for signal in found.signals} == {ANSWERS, SCORES, SIZES, VECTORS}
    return {signal.name for signal in found.drifted}


CHANGES = [({"confidence": 3.0}, SCORES), ({"length": 25.0}, SIZES), ({"moved": 0.3}, VECTORS)]


@pytest.mark.parametrize(("change", "name"), CHANGES)
def test_what_has_changed_is_named_and_nothing_else(change, name):
    assert alarms(np.random.default_rng(0), **change) == {name}


def test_unchanged_windows_rarely_give_an_alarm():
    assert np.mean([bool(alarms(np.random.default_rng(seed))) for seed in range(40)]) <= 0.15


def test_a_window_of_few_rows_says_nothing():
    rng = np.random.default_rng(0)
    P, decided, sizes, vectors = rows(rng, 20)
    assert drift(reference(rng), P, decided, sizes=sizes, vectors=vectors).signals == []
