"""A candidate is promoted on evidence that holds however often one looks, and the rows that are asked for suffice."""

import math

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.messages.message import render
from limbeck.monitoring.sign_test import ENOUGH, evidence, interval, throws_needed
from limbeck.monitoring.verdict import verdict


def answers(gained: int, lost: int, both_right: int, both_wrong: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, the current model's answers and the candidate's with so many rows of each case."""
    y = np.zeros(gained + lost + both_right + both_wrong, dtype=int)
    current, candidate = y.copy(), y.copy()
    current[:gained] = candidate[gained : gained + lost] = 1
    if both_wrong:
        current[-both_wrong:] = candidate[-both_wrong:] = 1
    return y, current, candidate


def test_evidence_is_that_of_a_uniform_mixture_counted_by_hand():
    assert evidence(0, 0) == 1
    assert evidence(2, 0) == pytest.approx(4 / 3)  # 2^2 * 2! 0! / 3!
    assert evidence(3, 1) == pytest.approx(16 * 6 / 120)
    assert evidence(7, 0) == pytest.approx(2**7 / 8)


def test_of_fair_coins_one_in_twenty_at_most_is_ever_found_to_favour_heads():
    throws = np.random.default_rng(0).random((4000, 600)) < 0.5
    heads = throws.cumsum(axis=1)
    n = np.arange(1, 601)
    limit = np.array(
        [next(h for h in range(m + 2) if h > m or (2 * h > m and evidence(h, m - h) >= ENOUGH)) for m in n]
    )
    assert (heads >= limit).any(axis=1).mean() <= 0.05


def test_the_throws_that_are_asked_for_find_the_bias_as_often_as_promised():
    more = throws_needed(10, 8, 0.65)
    assert more is not None
    heads = 10 + (np.random.default_rng(1).random((400, more)) < 0.65).cumsum(axis=1)
    total = 18 + np.arange(1, more + 1)
    found = [any(evidence(h, n - h) >= ENOUGH and 2 * h > n for h, n in zip(row, total, strict=True)) for row in heads]
    assert np.mean(found) == pytest.approx(0.9, abs=0.05)


def test_an_interval_leaves_out_a_half_exactly_when_the_evidence_is_enough():
    for heads, tails in ((3, 1), (12, 2), (20, 15), (40, 15), (2, 11)):
        low, high = interval(heads, tails)
        assert (not low <= 0.5 <= high) == (evidence(heads, tails) >= ENOUGH)
    assert interval(0, 0) == (0, 1)


def test_clear_candidates_are_found_better_or_worse_with_a_sentence_in_both_languages():
    better, worse = verdict(*answers(30, 5, 265)), verdict(*answers(5, 30, 265))
    assert (better.state, worse.state) == ("better", "worse")
    assert better.difference == pytest.approx(25 / 300)
    assert 0 < better.low < better.difference < better.high
    assert better.sentence.code == "verdict.better"
    assert render(better.sentence, "zh").startswith("更好")


def test_an_open_verdict_says_how_many_rows_would_tell_and_how_few_of_them_need_a_review():
    found = verdict(*answers(9, 6, 185))
    assert (found.state, found.gained, found.lost) == ("open", 9, 6)
    assert found.more is not None
    assert found.more_differing is not None
    assert found.more > 5 * found.more_differing
    assert f"{found.more:,}" in found.sentence


def test_models_that_hardly_differ_are_told_to_be_the_same():
    assert verdict(*answers(1, 1, 998)).state == "same"
    assert verdict(*answers(0, 0, 50), disagreement=0.004).state == "same"
    assert verdict(*answers(0, 0, 20)).state == "open"  # of twenty rows nothing follows


def test_rows_that_both_have_right_or_wrong_change_nothing_but_the_share():
    few, many = verdict(*answers(30, 5, 100)), verdict(*answers(30, 5, 900, 100))
    assert few.state == many.state == "better"
    assert few.p == many.p
    assert many.difference < few.difference


def test_without_rows_the_sample_is_planned_from_the_share_of_differing_answers():
    found = verdict([], [], [], disagreement=0.06)
    assert found.state == "open"
    assert found.more_differing is not None
    assert 60 < found.more_differing < 200
    assert math.isclose(found.more_differing, found.more * 0.06, abs_tol=2)


def test_answers_that_do_not_fit_are_refused():
    with pytest.raises(LimbeckError, match="2 and 1 answers for 2 labels"):
        verdict([0, 1], [0], [0, 1])
