"""The queue: a random fifth, spread while few rows are reviewed, then the doubtful ones."""

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.monitoring.choose import DISAGREEMENT, MARGIN, RANDOM, SPREAD, choose, disagreement, margins, spread


def test_a_fifth_is_drawn_at_random_and_the_rest_has_the_smallest_margins():
    p = np.linspace(0.5, 1.0, 1000)
    found = choose(50, p=np.c_[p, 1 - p], reviewed=900)
    assert found.why.count(RANDOM) == 10
    assert found.why.count(MARGIN) == 40
    assert found.rows[~found.drawn].max() < 50
    assert len(set(found.rows.tolist())) == 50


def test_rows_drawn_at_random_do_not_depend_on_the_model():
    p, q = np.random.default_rng(0).random((2, 400))
    first, second = (choose(20, p=np.c_[one, 1 - one], reviewed=900, seed=3) for one in (p, q))
    assert first.rows[first.drawn].tolist() == second.rows[second.drawn].tolist()


def test_while_few_are_reviewed_rows_of_all_clusters_are_chosen():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 5)) * 20
    member = rng.integers(0, 8, size=800)
    vectors = centres[member] + rng.normal(size=(800, 5)) * 0.1
    p = rng.uniform(0.4, 0.6, size=800)
    found = choose(10, p=np.c_[p, 1 - p], vectors=vectors, reviewed=50, random_share=0.0)
    assert set(found.why) == {SPREAD}
    assert set(member[found.rows].tolist()) == set(range(8))
    assert set(choose(10, p=np.c_[p, 1 - p], vectors=vectors, reviewed=600, random_share=0.0).why) == {MARGIN}


def test_models_that_disagree_are_asked_about_first():
    committee = np.array([[[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9], [np.nan, np.nan]]])
    assert np.argmax(disagreement(committee)) == 1
    assert disagreement(committee)[[0, 2]] == pytest.approx(0, abs=1e-9)
    found = choose(1, committee=committee, random_share=0.0)
    assert (found.rows.tolist(), found.why) == ([1], [DISAGREEMENT])


def test_rows_without_an_answer_come_last_and_no_more_rows_are_chosen_than_there_are():
    p = np.array([[0.9, 0.1], [np.nan, np.nan], [0.6, 0.4]])
    assert margins(p) == pytest.approx([0.8, 2.0, 0.2])
    assert choose(9, p=p, random_share=0.0).rows.tolist() == [2, 0, 1]
    assert len(choose(0, p=p).rows) == 0


def test_copies_and_rows_that_are_not_finite_are_no_trouble():
    same = np.ones((5, 2))
    same[4] = np.nan
    assert sorted(spread(same, 5, np.random.default_rng(0)).tolist()) == [0, 1, 2, 3, 4]


def test_nothing_known_is_refused():
    with pytest.raises(LimbeckError, match="what is known"):
        choose(3)
    with pytest.raises(LimbeckError, match="what is known"):
        choose(3, p=np.ones((2, 2)), vectors=np.ones((3, 2)))
