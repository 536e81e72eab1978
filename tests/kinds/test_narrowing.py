"""The units that matter are found among many by asking about groups of them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from limbeck.kinds.narrowing import most_asked, narrowed


def search(counts, heavy):
    asked = []

    def lost(groups):
        asked.extend(groups)
        return np.array([sum(heavy.get((row, at), 0.0) for at in range(low, high)) for row, low, high in groups])

    return narrowed(counts, lost), asked


@settings(max_examples=40)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=4), st.data())
def test_up_to_six_heavy_units_of_a_row_are_found_within_the_bound(counts, data):
    heavy = {}
    for row, count in enumerate(counts):
        if count:
            for at in data.draw(st.sets(st.integers(0, count - 1), max_size=6)):
                heavy[row, at] = data.draw(st.floats(0.5, 2.0))
    worth, asked = search(counts, heavy)
    for row, count in enumerate(counts):
        assert worth[row].tolist() == [heavy.get((row, at), 0.0) for at in range(count)]
        assert sum(group[0] == row for group in asked) <= most_asked(count)


def test_units_that_count_against_are_found_too():
    worth, _ = search([100], {(0, 7): -1.0})
    assert np.flatnonzero(worth[0]).tolist() == [7]
