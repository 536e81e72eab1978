"""Filters: what they keep, what they take out, and the same numbers in chunks as in one piece."""

import numpy as np
import pytest

from limbeck.kinds.signal.filters import filtered, filtered_stream, taps_of
from limbeck.kinds.signal.reading.record_context import references
from limbeck.recipe import Signal

RATE = 360.0
TIME = np.arange(20 * 360) / RATE


def after(frequency, **settings):
    """Return how much of a sine of 1 mV is left in the middle 10 s of the record."""
    taps = taps_of(Signal(**settings), RATE)
    assert taps is not None
    out = filtered(np.sin(2 * np.pi * frequency * TIME)[None, :], taps)[0]
    return np.sqrt(2 * (out[1800:5400] ** 2).mean())


@pytest.mark.parametrize(("settings", "out", "kept"), [
    ({"band": (0.5, 40)}, (0.05, 60.0, 90.0), (5.0, 15.0, 30.0)),
    ({"mains": 50}, (50.0,), (5.0, 40.0, 45.0, 60.0)),
    ({"mains": 60}, (60.0,), (5.0, 40.0, 50.0, 70.0)),
    ({"band": (0.5, 0), "mains": 50}, (0.05, 50.0), (5.0, 40.0, 80.0)),
    ({"band": (0, 30)}, (90.0,), (0.2, 5.0, 15.0)),
])  # fmt: skip
def test_what_a_filter_takes_out_and_keeps(settings, out, kept):
    assert all(after(frequency, **settings) < 0.15 for frequency in out)
    assert all(0.9 < after(frequency, **settings) < 1.1 for frequency in kept)


def test_a_constant_does_not_pass_a_band_and_no_wave_is_moved():
    taps = taps_of(Signal(band=(0.5, 40)), RATE)
    assert np.array_equal(np.round(taps, 12), np.round(taps[::-1], 12))
    assert len(taps) % 2 == 1
    assert np.abs(filtered(np.full((1, 4000), 7.0), taps)).max() < 1e-9


def test_no_filter_is_none_and_edges_beyond_half_the_rate_are_none():
    assert taps_of(Signal(), RATE) is None
    assert taps_of(Signal(band=(0, 40), mains=60), 60.0) is None


@pytest.mark.parametrize("lengths", [(1,), (997, 13, 1, 4000), (50,)])
def test_chunks_give_the_numbers_of_the_whole(lengths):
    random = np.random.default_rng(0)
    record = np.cumsum(random.standard_normal((2, 5000)), axis=1) * 0.05
    taps = taps_of(Signal(band=(0.5, 40), mains=50), RATE)
    cuts, at = [], 0
    while at < record.shape[1]:
        step = lengths[len(cuts) % len(lengths)] if lengths != (1,) else 611
        cuts.append(record[:, at : at + step])
        at += step
    joined = np.concatenate(list(filtered_stream(cuts, taps)), axis=1)
    whole = filtered(record, taps)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 1e-6


def test_a_record_shorter_than_the_filter_streams_too():
    taps = taps_of(Signal(band=(0.5, 40)), RATE)
    record = np.random.default_rng(1).standard_normal((1, 200))
    joined = np.concatenate(list(filtered_stream([record[:, :90], record[:, 90:]], taps)), axis=1)
    assert np.abs(joined - filtered(record, taps)).max() < 1e-6


def test_references_are_those_of_the_beats_own_record():
    random = np.random.default_rng(0)
    signal = random.standard_normal((40, 1, 16)).astype(np.float32)
    names = np.array(["a"] * 25 + ["b"] * 12 + ["c"] * 3, dtype=object)
    time = np.concatenate([np.arange(25.0), np.arange(12.0), np.arange(3.0)])
    rr = random.uniform(0.6, 1.2, (40, 2))
    rr[0, 0] = np.nan
    beat, rhythm = references(signal, names, time, rr)
    assert np.allclose(beat[:25], np.median(signal[:25], axis=0))
    assert np.allclose(rhythm[30, 0], np.median(rr[25:37]))
    assert np.allclose(rhythm[30, 1], rr[25:37].mean())
    near = np.abs(time[:25] - time[12]) <= 10
    assert np.isclose(rhythm[12, 4], np.nanmean(rr[:25][near]))
    assert np.isnan(beat[37:]).all()  # three beats are no reference
    assert np.isnan(rhythm[0, 5])
    # What is asked about together does not matter: each record is worked out for itself.
    alone, _ = references(signal[25:37], names[25:37], time[25:37], rr[25:37])
    assert np.array_equal(alone, beat[25:37])
    shuffled = random.permutation(40)
    again, rhythms = references(signal[shuffled], names[shuffled], time[shuffled], rr[shuffled])
    assert np.allclose(again, beat[shuffled], equal_nan=True)
    assert np.allclose(rhythms, rhythm[shuffled], equal_nan=True)
