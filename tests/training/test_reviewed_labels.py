"""A few labels are worth no less than the cold start without them, and no less than a plain classifier of them."""

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from limbeck.metrics.logits import sigmoid
from limbeck.training.distill.reviewed_labels import joined_with_labels


class Plain:
    def __init__(self, frame, labels):
        self.model = LogisticRegression().fit(frame.to_numpy(), labels)
        self.classes_ = self.model.classes_

    def predict_proba(self, frame):
        return self.model.predict_proba(frame.to_numpy())


def rows(rng, count=2000, width=6):
    truth = rng.integers(0, 2, count)
    X = rng.normal(size=(count, width)) + np.outer(2 * truth - 1, np.full(width, 0.6))
    return pl.DataFrame(X, schema=[f"c{at}" for at in range(width)]), truth


def answers(odds):
    return np.stack([sigmoid(-odds), sigmoid(odds)], axis=1)


def right(P, truth, but):
    left = np.setdiff1d(np.arange(len(truth)), but)
    return float((P.argmax(axis=1) == truth)[left].mean())


@pytest.mark.parametrize("skill", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("count", [25, 100, 400])
def test_labels_are_worth_no_less_than_either_alone(skill, count):
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        frame, truth = rows(rng)
        cold = answers(skill * (2 * truth - 1) + rng.normal(size=len(truth)) + 1.0)  # its zero is off as well
        at = np.sort(rng.choice(len(truth), count, replace=False))
        joined = joined_with_labels(cold, frame, at, truth[at], Plain)
        alone = Plain(frame[at], truth[at]).predict_proba(frame)
        found.append([right(joined, truth, at), max(right(cold, truth, at), right(alone, truth, at))])
    joined, best = np.mean(found, axis=0)
    assert joined >= best - (0.02 if count == 25 else 0.015)


def test_reviewed_rows_are_their_label():
    rng = np.random.default_rng(0)
    frame, truth = rows(rng, 300)
    at = np.arange(40)
    joined = joined_with_labels(answers(rng.normal(size=300)), frame, at, 1 - truth[at], Plain)
    assert (joined[at].argmax(axis=1) == 1 - truth[at]).all()
    assert joined.sum(axis=1) == pytest.approx(np.ones(300))


@pytest.mark.parametrize("labels", [[1], [0, 0, 0], [0, 1, 1]])
def test_too_few_labels_for_a_classifier_move_the_answer_a_little(labels):
    rng = np.random.default_rng(1)
    frame, _ = rows(rng, 200)
    cold = answers(rng.normal(size=200))
    joined = joined_with_labels(cold, frame, np.arange(len(labels)), np.array(labels), Plain)
    assert np.abs(joined[10:] - cold[10:]).max() < 0.4
    order = np.argsort(cold[10:, 1])
    assert (np.diff(joined[10:, 1][order]) >= -1e-9).all()
