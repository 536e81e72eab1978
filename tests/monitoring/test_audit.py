"""Accuracy from unevenly reviewed rows: unbiased, with intervals that hold."""

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.metrics.exact_tests import wilson
from limbeck.monitoring.audit import audited_share, chances


def test_evenly_drawn_rows_give_the_interval_of_wilson():
    found = audited_share([True] * 45 + [False] * 5, np.full(50, 1e-9))
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high) == pytest.approx(wilson(45, 50), abs=1e-6)


def test_weights_counted_by_hand():
    found = audited_share([True, False, True], [0.5, 0.25, 1.0])
    assert found.value == pytest.approx((2 + 1) / (2 + 4 + 1))


def test_rows_that_were_all_reviewed_leave_no_doubt():
    found = audited_share([True, True, False], [1.0, 1.0, 1.0])
    assert found.low == pytest.approx(found.high) == pytest.approx(2 / 3)


def test_no_rows_say_nothing():
    found = audited_share([], [])
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0, 1)


def test_rows_that_the_queue_chose_stand_for_themselves_alone():
    kept, probability = chances([True, True, False, True], [False, False, True, True], rows=102)
    assert kept.tolist() == [0, 1, 2, 3]
    assert probability.tolist() == [0.02, 0.02, 1.0, 1.0]
    with pytest.raises(LimbeckError, match="2 reviewed rows of 1"):
        chances([True, True], [False, False], rows=1)


def test_impossible_chances_are_refused():
    with pytest.raises(LimbeckError, match="above 0"):
        audited_share([True], [0.0])


def test_intervals_cover_the_truth_however_biased_the_queue_is():
    rng, inside, naive = np.random.default_rng(0), [], []
    for _ in range(600):
        confidence = rng.beta(4, 1, size=3000)
        right = rng.random(3000) < 0.5 + confidence / 2.2
        chosen, drawn = np.zeros((2, 3000), dtype=bool)
        chosen[np.argsort(confidence)[:240]] = True
        drawn[rng.choice(3000, 100, replace=False)] = True
        seen = np.flatnonzero(chosen | drawn)
        kept, probability = chances(drawn[seen], chosen[seen], 3000)
        found = audited_share(right[seen][kept], probability)
        inside.append(found.low <= right.mean() <= found.high)
        naive.append(right[seen].mean() - right.mean())
    assert 0.93 <= np.mean(inside) <= 0.975
    assert np.mean(naive) < -0.05
