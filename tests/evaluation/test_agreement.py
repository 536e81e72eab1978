"""Agreement beyond chance, against values that were counted by hand and those of scikit-learn and the paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from limbeck.metrics.agreement import cohen_kappa, fleiss_kappa


def test_cohen_by_hand() -> None:
    # 20 yes-yes, 15 no-no, 5 yes-no, 10 no-yes: observed 0.7, by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5
    one = ["yes"] * 20 + ["no"] * 15 + ["yes"] * 5 + ["no"] * 10
    other = ["yes"] * 20 + ["no"] * 15 + ["no"] * 5 + ["yes"] * 10
    assert cohen_kappa(one, other) == pytest.approx(0.4)


def test_fleiss_by_hand() -> None:
    # A table of ten rows, 14 people and five classes that textbooks give as an example.
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(table) == pytest.approx(0.210, abs=5e-4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
def test_cohen_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    one, other = zip(*pairs, strict=True)
    found = cohen_kappa(one, other)
    if found is None:
        assert len({*one, *other}) == 1
    else:
        assert found == pytest.approx(cohen_kappa_score(one, other))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=60))
def test_fleiss_of_two_people_is_scott_s_pi(pairs: list[tuple[int, int]]) -> None:
    counts = np.array([[(a == k) + (b == k) for k in range(3)] for a, b in pairs])
    shares = counts.sum(0) / counts.sum()
    observed, chance = np.mean([a == b for a, b in pairs]), float((shares**2).sum())
    found = fleiss_kappa(counts)
    assert found is None if chance == 1 else found == pytest.approx((observed - chance) / (1 - chance))


def test_perfect_and_undefined() -> None:
    assert cohen_kappa(["a", "b"], ["a", "b"]) == pytest.approx(1)
    assert fleiss_kappa([[2, 0], [0, 2]]) == pytest.approx(1)
    assert cohen_kappa([], []) is None and fleiss_kappa(np.zeros((0, 2))) is None
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None and fleiss_kappa([[2, 0]]) is None


def test_rows_with_other_numbers_of_people_are_refused() -> None:
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([[2, 0], [1, 0]])
    with pytest.raises(ValueError, match="2 and 1"):
        cohen_kappa(["a", "b"], ["a"])
