"""A stretch that is removed is a straight line between its ends; the rest of the window stays."""

import numpy as np
import polars as pl

from limbeck.kinds.explanation import Part
from limbeck.kinds.signal.encode import SignalInput, signal_rows, windows_of
from limbeck.kinds.signal.explain import removed
from limbeck.recipe import Input, Signal

ENCODER = SignalInput(Input(signal=Signal(rate=100, before=0.2, after=0.3, leads=["I", "II"])))


def test_the_stretch_of_one_lead_is_straight_and_the_rest_as_before():
    windows = np.random.default_rng(0).normal(size=(2, 2, 50)).astype(np.float32)
    found = windows_of(removed(ENCODER, signal_rows(windows), [[Part("stretch", (0.1, 0.2, 1), 1.0)], []]), (2, 50))
    np.testing.assert_array_equal(found[1], windows[1])
    np.testing.assert_array_equal(found[0, 0], windows[0, 0])
    np.testing.assert_array_equal(
        found[0, 1, [*range(11), *range(19, 50)]], windows[0, 1, [*range(11), *range(19, 50)]]
    )
    np.testing.assert_allclose(np.diff(found[0, 1, 10:20], n=2), 0, atol=1e-6)


def test_the_rhythm_is_left_out_where_it_is_named():
    rows = signal_rows(np.ones((2, 2, 50), dtype=np.float32)).with_columns(rr_before=pl.lit(0.8), rr_after=pl.lit(0.9))
    found = removed(ENCODER, rows, [[Part("rhythm", "rr", 1.0)], []])
    assert found["rr_before"].to_list() == [None, 0.8]
    assert found["rr_after"].to_list() == [None, 0.9]
