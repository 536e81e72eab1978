"""The decision of a report follows from the figures, with its reasons; coverage is counted by hand."""

import numpy as np
import pytest

from limbeck.evaluation.report.decision import REVIEW, SHIP, STOP, UNKNOWN, decide
from limbeck.metrics.automation import automatic
from limbeck.metrics.measure import measure

CLASSES = ("no", "yes")


def answers(right: int, wrong: int, sure: float = 0.97) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities of rows of both classes; wrong answers are half sure."""
    y = np.arange(right + wrong) % 2
    good = np.arange(right + wrong) < right
    confidence = np.where(good, sure, 0.55)
    p = np.where(good == (y == 1), confidence, 1 - confidence)
    return y, np.stack([1 - p, p], axis=1)


def decided(y, p, baselines=(), **more):
    found = measure(y, p, CLASSES, positive=1, bootstrap=200)
    return decide(found, baselines, automatic(y, p.argmax(axis=1), p), **more)


def codes(decision):
    return [one.code for one in decision.reasons]


def test_a_model_that_is_right_and_calibrated_can_be_used():
    found = decided(*answers(390, 10))
    assert found.grade == SHIP and codes(found) == ["decision.right"]
    assert found.advice.code == "decision.watch"


def test_a_model_that_knows_what_it_does_not_know_can_be_used_with_people():
    found = decided(*answers(340, 60))
    assert found.grade == REVIEW and codes(found)[0] == "decision.alone"
    assert "automatically" in str(found.reasons[0])


def test_a_model_below_a_plain_baseline_is_not_used():
    rival = {"name": "trees", "accuracy": 0.95}
    found = decided(*answers(340, 60), [rival])
    assert found.grade == STOP and codes(found)[0] == "decision.below"
    assert decided(*answers(340, 60), [{**rival, "elsewhere": True}]).grade == REVIEW  # measured on other rows


def test_a_model_like_the_most_frequent_class_is_not_used():
    y = np.array([0] * 90 + [1] * 10)
    p = np.tile([0.9, 0.1], (100, 1))
    found = decided(y, p)
    assert found.grade == STOP and "decision.like_always" in codes(found)
    assert found.advice.code == "decision.more_of_class"  # the class that it never finds


def test_few_rows_and_seen_rows_decide_nothing():
    assert codes(decided(*answers(40, 2))) == ["decision.few_rows"]
    found = decided(*answers(390, 10), seen=True)
    assert found.grade == UNKNOWN and codes(found) == ["decision.seen"]


@pytest.mark.parametrize(("shift", "grade"), [(4.0, REVIEW), (0.2, STOP)])
def test_a_detector_is_judged_by_its_order_and_by_what_it_finds(shift, grade):
    random = np.random.default_rng(0)
    y = np.arange(400) % 2
    p = 1 / (1 + np.exp(-(random.normal(size=400) + shift * y - shift / 2)))
    found = decided(y, np.stack([1 - p, p], axis=1), detector=True)
    assert found.grade == grade and codes(found) == ["decision.finds", "decision.order"]


def test_rows_that_need_nobody_are_counted_by_falling_confidence():
    y = np.zeros(100, dtype=int)
    confidence = np.linspace(0.99, 0.6, 100)
    wrong = np.zeros(100, dtype=bool)
    wrong[[50, 60, 70, 80, 90]] = True  # the first 60 rows hold one error, all of them five
    p = np.where(wrong, 1 - confidence, confidence)
    p = np.stack([p, 1 - p], axis=1)
    half, most = automatic(y, p.argmax(axis=1), p, (0.98, 0.95))
    assert (half.rows, half.coverage, half.accuracy) == (60, 0.6, pytest.approx(59 / 60))
    assert half.threshold == pytest.approx(confidence[59])
    assert most.rows == 100
    none = automatic(1 - y, p.argmax(axis=1), p, (0.95,))[0]
    assert (none.rows, none.coverage) == (0, 0.0)
