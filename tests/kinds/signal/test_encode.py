"""A window in, arrays out: what the network sees of a beat, its record and its rhythm."""

import numpy as np
import polars as pl
import pytest

from limbeck.errors import LimbeckError
from limbeck.kinds.select import checked_values
from limbeck.kinds.signal.columns import BEAT, RHYTHM, SIGNAL, array_column
from limbeck.kinds.signal.encode import NUMBERS, SignalInput, signal_rows
from limbeck.kinds.signal.features import FAMILIES, count_of, db2, features_of
from limbeck.kinds.signal.reading.formats.windows import levelled
from limbeck.kinds.signal.reading.read import read_source
from limbeck.recipe import Input, Signal, Task
from signals import write_record

TASK = Task(kind="signal")


def reader(**settings):
    return SignalInput(Input(signal=Signal(**settings)))


@pytest.fixture(scope="module")
def beats(tmp_path_factory):
    header = write_record(tmp_path_factory.mktemp("heart"), "a", 0)
    return read_source(header, TASK, Signal(), labelled=True).frame


def test_channels_are_the_lead_and_its_difference_in_the_records_unit(beats):
    rows = reader().encode(beats)
    median = beats[BEAT].to_numpy()
    assert rows.beats.shape == (beats.height, 2, 128)
    unit = median.std(axis=1)[:, None]
    assert np.allclose(rows.beats[:, 0], beats[SIGNAL].to_numpy()[:, 0] / unit, atol=1e-4)
    assert np.allclose(rows.beats[:, 1], (beats[SIGNAL].to_numpy()[:, 0] - median) / unit, atol=1e-4)
    own = reader(scale="window", record=False).encode(beats).beats
    assert own.shape[1] == 1
    assert np.allclose(own.std(axis=2), 1.0, atol=1e-3)


def test_a_premature_beat_shows_in_the_rhythm_and_the_resting_rate_does_not(beats):
    rows = reader().encode(beats)
    early = np.array([label != "N" for label in beats["label"]])[1:-1]
    against_median = rows.rhythm[1:-1, 0]
    assert against_median[early].max() < against_median[~early].min() + 1.0
    assert against_median[early].mean() < -0.5
    # A heart that beats twice as fast, all else alike, differs in the two absolute numbers alone.
    columns = {name: beats[name] * 0.5 for name in ("rr_before", "rr_after")}
    faster = beats.drop(BEAT, RHYTHM).with_columns(**columns, time=beats["time"] * 0.5 + 0.0)
    slow, fast = (reader().encode(reader().with_record(frame)).rhythm for frame in (beats.drop(BEAT, RHYTHM), faster))
    same = [at for at in range(NUMBERS) if at not in (3, 4, 5, 13, 14)]
    assert np.allclose(slow[:, same], fast[:, same], atol=1e-4)
    assert np.abs(slow[:, 13] - fast[:, 13]).max() > 1.0


def test_a_row_alone_is_neutral(beats):
    alone = reader().encode(beats.select(SIGNAL))
    assert not alone.beats[:, 1].any()
    assert not alone.rhythm[:, :-3].any()
    assert (alone.rhythm[:, -3:] == 1).all()
    assert np.allclose(alone.beats[:, 0].std(axis=1), 1.0, atol=1e-3)


def test_rows_are_encoded_alike_whichever_are_asked_about_together(beats):
    whole = reader().encode(beats)
    parts = [reader().encode(beats[start : start + 7]) for start in range(0, beats.height, 7)]
    for name in ("beats", "rhythm"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def test_rows_from_python_get_their_record_as_rows_from_files_do(beats):
    given = beats.select(SIGNAL, "record", "time", "rr_before", "rr_after")
    encoder = reader()
    made = encoder.encode(encoder.with_record(signal_rows(given)))
    assert np.allclose(made.beats, encoder.encode(beats).beats, atol=1e-5)
    assert np.allclose(made.rhythm, encoder.encode(beats).rhythm, atol=1e-5)


@pytest.mark.parametrize("level", ["median", "line"])
def test_levelling_is_done_once_and_takes_a_slope_out(level):
    random = np.random.default_rng(0)
    windows = random.standard_normal((4, 2, 100)).astype(np.float32)
    once = levelled(windows, level)
    assert np.allclose(levelled(once, level), once, atol=1e-5)
    tilted = windows + np.linspace(0, 5, 100, dtype=np.float32) if level == "line" else windows + np.float32(3.0)
    assert np.allclose(levelled(tilted, level), once, atol=1e-3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 1, 50), dtype=np.float32), "1 leads x 128 samples are wanted"),
        (np.full((2, 1, 128), np.nan), "a sample is no number"),
        (pl.DataFrame({"a": [1]}), "no column 'signal'"),
        ("100.hea", "windows are wanted"),
        ([[1.0, 2.0], [1.0]], "no windows of one length"),
        (np.zeros(5), "is wanted"),
    ],
)
def test_bad_values_are_one_line(values, words):
    with pytest.raises(LimbeckError, match=words):
        reader().encode(checked_values(values, TASK))


def test_a_blank_row_has_every_array_of_the_settings():
    encoder = reader(features=["time", "wavelet"], leads=["MLII", "V5"])
    rows = encoder.encode(encoder.blank(TASK))
    made = encoder.batch(rows, np.arange(1))
    assert made["beats"].shape == (1, 4, 128)
    assert made["rhythm"].shape == (1, NUMBERS)
    assert made["features"].shape == (1, encoder.numbers[1])
    lean = reader(rhythm=False)
    assert set(lean.batch(lean.encode(lean.blank(TASK)), np.arange(1))) == {"beats"}


@pytest.mark.parametrize("family", FAMILIES)
def test_features_are_numbers_that_tell_waves_apart(family):
    time = np.arange(128) / 180.0
    slow, fast = (np.sin(2 * np.pi * frequency * time)[None, None, :].astype(np.float32) for frequency in (3, 30))
    one, other = (features_of(wave, [family], 180.0, 64) for wave in (slow, fast))
    assert one.shape == (1, count_of([family], 1, 128, 180.0))
    assert np.isfinite(one).all()
    assert np.abs(one - other).max() > 0.3


def test_the_wavelet_transform_is_orthogonal():
    samples = np.random.default_rng(0).standard_normal((3, 64))
    smooth, detail = db2(samples)
    assert np.allclose((smooth**2).sum(1) + (detail**2).sum(1), (samples**2).sum(1))
    assert np.abs(db2(np.ones((1, 64)))[1]).max() < 1e-12


def test_a_window_with_a_sample_that_is_no_number_costs_no_other_row_its_answer(tmp_path):
    rows = read_source(write_record(tmp_path, "a", 0), TASK, Signal(), labelled=True).frame
    known = rows.select("signal", "record", "time", "rr_before", "rr_after")
    asked = reader()
    windows = known["signal"].to_numpy().copy()
    windows[3, 0, 7], windows[5, 0, 0] = np.nan, np.inf
    broken = known.with_columns(array_column("signal", windows))
    found, bad = asked.encode_each(asked.with_record(broken))
    assert {at: str(error) for at, error in bad.items()} == dict.fromkeys((3, 5), "a sample is no number")
    good = np.setdiff1d(np.arange(len(windows)), [3, 5])
    alone, none = asked.encode_each(asked.with_record(known[good]))
    assert not none
    assert np.array_equal(found.beats[good], alone.beats)
    assert np.array_equal(found.rhythm[good], alone.rhythm)
    with pytest.raises(LimbeckError, match="a sample is no number"):
        asked.encode(broken)


def test_windows_that_are_all_readable_are_encoded_as_ever(tmp_path):
    rows = read_source(write_record(tmp_path, "a", 0), TASK, Signal(), labelled=True).frame
    asked = reader()
    found, bad = asked.encode_each(rows)
    assert not bad
    assert np.array_equal(found.beats, asked.encode(rows).beats)
