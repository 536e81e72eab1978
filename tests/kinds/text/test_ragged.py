"""Rows of any lengths keep their content through taking, padding and batching."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from limbeck.kinds.text.encoding.ragged import Ragged, batches, ragged

ROWS = st.lists(st.lists(st.integers(1, 50), max_size=12), min_size=1, max_size=20)


@given(ROWS, st.data())
def test_taking_and_padding_give_back_the_very_rows(rows, data):
    whole = ragged(rows, 12)
    which = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=10)))
    assert [whole.take(which).row(at).tolist() for at in range(len(which))] == [rows[row] for row in which]
    padded = whole.pad(which, fill=99)
    assert padded["ids"].dtype == padded["lengths"].dtype == np.int64
    for row, ids, length in zip(which, padded["ids"], padded["lengths"], strict=True):
        assert ids[:length].tolist() == rows[row]
        assert (ids[length:] == 99).all()
    assert padded["ids"].shape[1] == max(1, *(len(rows[row]) for row in which))


@given(ROWS)
def test_a_bag_keeps_its_weights_and_pads_with_none(rows):
    whole = ragged(rows, 12)
    bag = Ragged(whole.values, whole.offsets, np.arange(1, len(whole.values) + 1, dtype=np.float32))
    padded = bag.pad(np.arange(len(rows)))
    assert padded["weights"].sum() == bag.weights.sum()
    assert ((padded["weights"] > 0) == (padded["ids"] > 0)).all()


@given(ROWS, st.integers(0, 12))
def test_every_row_is_cut_to_the_longest_allowed(rows, longest):
    assert ragged(rows, longest).lengths.tolist() == [min(len(row), longest) for row in rows]


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 500), st.integers(1, 20))
def test_batches_hold_every_row_once_within_their_budget(lengths, tokens, most):
    made = batches(np.array(lengths, dtype=np.int64), tokens=tokens, most=most)
    assert sorted(int(row) for part in made for row in part) == list(range(len(lengths)))
    for part in made:
        longest = max(max(lengths[row] for row in part), 1)
        assert 1 <= len(part) <= most
        assert len(part) == 1 or len(part) * longest <= tokens
