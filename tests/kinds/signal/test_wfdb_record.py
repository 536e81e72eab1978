"""WFDB records as people have them: segments, own time resolutions, formats, units; or one line of what is wrong."""

import itertools

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.reading.formats.wfdb_file import intervals
from limbeck.kinds.signal.reading.formats.wfdb_record import read_record, segments_of
from limbeck.kinds.signal.reading.read import read_all, read_source, signal_sources
from limbeck.recipe import Signal, Task
from signals import RATE, heart, write_record

wfdb = pytest.importorskip("wfdb")
TASK = Task(kind="signal")
CUTS = (0, 4000, 9000, 14400)  # of the record of 40 seconds


def read(header, **settings):
    return read_source(header, TASK, Signal(**settings), labelled=True)


def whole(folder, seed=0):
    """Write a record of one segment, its values without rounding by the way they are cut."""
    return write_record(folder, "whole", seed)


def in_segments(folder, seed=0, *, gap=False, layout=False, turned=False):
    """Write the record of `whole` in three segments; of the middle one with a gap nothing is there."""
    leads, peaks, symbols = heart(40.0, seed)
    lines, names = [], ("MLII", "V5")
    if layout:
        lines.append("m_layout 0")
        rows = [f"~ 0 200(0)/mV 0 0 0 0 0 {name}" for name in names]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "m_layout.hea").write_text("\n".join(["m_layout 2 360 0", *rows]) + "\n")
    for at, (start, end) in enumerate(itertools.pairwise(CUTS)):
        lines.append(f"{'~' if gap and at == 1 else f'm_{at}'} {end - start}")
        if not (gap and at == 1):
            step = -1 if turned and at == 2 else 1
            piece = leads[::step, start:end]
            write_record(folder, f"m_{at}", 0, leads=piece, names=names[::step], annotated=False)
    header = folder / "m.hea"
    header.write_text("\n".join([f"m/{len(lines)} 2 360 14400", *lines]) + "\n")
    wfdb.wrann("m", "atr", peaks, symbols, write_dir=str(folder))
    return header


def same_beats(one, other):
    assert one.frame["time"].to_list() == other.frame["time"].to_list()
    assert one.frame["label"].to_list() == other.frame["label"].to_list()
    assert np.array_equal(one.frame[SIGNAL].to_numpy(), other.frame[SIGNAL].to_numpy())


@pytest.mark.parametrize("own", [1000, 250, 128.5, RATE])
def test_annotations_with_a_time_resolution_of_their_own_are_at_the_same_beats(tmp_path, own):
    plain = read(whole(tmp_path / "plain"))
    header = whole(tmp_path / "own")
    _, peaks, symbols = heart(40.0, 0)
    wfdb.wrann("whole", "atr", np.rint(peaks / RATE * own).astype(int), symbols, fs=own, write_dir=str(header.parent))
    found = read(header)
    off = np.abs(np.array(found.frame["time"]) - np.array(plain.frame["time"]))
    assert off.max() <= 0.5 / own + 0.5 / RATE
    assert found.frame["label"].to_list() == plain.frame["label"].to_list()
    if own in (1000, RATE):  # finer than the record: the very sample is found
        same_beats(found, plain)


def test_an_absurd_time_resolution_is_one_line(tmp_path):
    header = whole(tmp_path)
    wfdb.wrann("whole", "atr", np.array([100]), ["N"], fs=1000, write_dir=str(tmp_path))
    file = header.with_suffix(".atr")
    file.write_bytes(file.read_bytes().replace(b"resolution: 1000", b"resolution: 0000"))
    with pytest.raises(LimbeckError, match=r"whole\.atr: the annotations have a time resolution of 0 Hz"):
        read(header)


@pytest.mark.parametrize("form", [{}, {"layout": True}, {"layout": True, "turned": True}, {"turned": True}])
def test_a_record_of_segments_is_one_record(tmp_path, form):
    same_beats(read(in_segments(tmp_path / "m", **form)), read(whole(tmp_path / "w")))


@pytest.mark.parametrize("layout", [False, True])
def test_beats_in_a_gap_are_missing_samples_and_the_others_are_at_the_times_of_the_record(tmp_path, layout):
    plain = read(whole(tmp_path / "w"))
    found = read(in_segments(tmp_path / "m", gap=True, layout=layout))
    assert {reject.reason for reject in found.rejects if reject.row not in {one.row for one in plain.rejects}} == {
        "samples are missing (NaN)"
    }
    assert len(found.rejects) + found.frame.height == len(heart(40.0, 0)[1])
    times = found.frame["time"].to_numpy()
    assert set(times) < set(plain.frame["time"].to_list())
    assert not ((times > CUTS[1] / RATE) & (times < CUTS[2] / RATE)).any()


def test_segments_are_no_records_of_their_own_in_a_folder(tmp_path):
    in_segments(tmp_path, layout=True)
    write_record(tmp_path, "other", 3)
    assert [file.name for file, _ in signal_sources(tmp_path)] == ["m.hea", "other.hea"]
    assert segments_of(tmp_path / "m.hea") == ["m_layout", "m_0", "m_1", "m_2"]
    assert segments_of(tmp_path / "other.hea") == []
    assert [file.name for file, _ in signal_sources(tmp_path / "m_1.dat")] == ["m_1.hea"]  # asked for by name
    frames = [found.frame for found in read_all(tmp_path, TASK, Signal(), labelled=True)]
    assert [frame["record"][0] for frame in frames] == ["m", "other"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("m_1 5000", "m_1 4999", "says 14,400 samples and its segments 14,399"),
        ("m_1 5000", "gone 5000", "its segment gone.hea is missing"),
        ("m_1 5000", "../m_1 5000", "cannot be read|outside its folder"),
        ("m/3 2 360", "m/3 2 250", "has 4,000 samples at 360 Hz, and the header says 4,000 at 250"),
        ("m/3", "m/9", "says 9 segments and names 3"),
        ("m_1 5000", "m 5000", "a segment has segments of its own"),
        ("m_0 4000\nm_1 5000", "m_0 5000\nm_1 4000", "the segment m_0 has 4,000 samples"),
    ],
)
def test_segments_that_do_not_fit_are_one_line(tmp_path, old, new, words):
    header = in_segments(tmp_path)
    header.write_text(header.read_text().replace(old, new))
    with pytest.raises(LimbeckError, match=words) as raised:
        read(header)
    assert "\n" not in str(raised.value)


def coded(values, kind):
    """Return samples int [n] as the bytes of a WFDB format of one signal."""
    if kind == "8":
        return np.diff(values, prepend=0).astype("i1").tobytes()
    if kind == "212":
        low, high = values[::2] & 0xFFF, values[1::2] & 0xFFF
        return np.stack([low & 0xFF, (low >> 8) | (high >> 8 << 4), high & 0xFF], 1).astype("u1").tobytes()
    if kind == "24":
        return values.astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes()
    moved = {"80": 128, "160": 32768}.get(kind, 0)
    return (values + moved).astype({"16": "<i2", "61": ">i2", "80": "u1", "160": "<u2", "32": "<i4"}[kind]).tobytes()


@pytest.mark.parametrize("kind", ["8", "16", "24", "32", "61", "80", "160", "212"])
def test_every_format_gives_the_same_samples(tmp_path, kind):
    values = np.rint(100 * np.sin(np.arange(3000) / 20)).astype(np.int64)
    (tmp_path / "f.dat").write_bytes(coded(values, kind))
    (tmp_path / "f.hea").write_text(f"f 1 360 3000\nf.dat {kind} 200 12 0 0 0 0 MLII\n")
    assert np.allclose(read_record(tmp_path / "f.hea", Signal()).leads[0], values / 200)


@pytest.mark.parametrize("unit", ["uV", "V", "nV", "microvolts", "mV", ""])
def test_samples_are_millivolts_whatever_their_unit(tmp_path, unit):
    factor = {"uV": 1e3, "V": 1e-3, "nV": 1e6, "microvolts": 1e3}.get(unit, 1.0)
    values = np.rint(100 * np.sin(np.arange(3000) / 20)).astype("<i2")
    (tmp_path / "f.dat").write_bytes(values.tobytes())
    gain = f"{200 / factor:.10f}" + (f"/{unit}" if unit else "")
    (tmp_path / "f.hea").write_text(f"f 1 360 3000\nf.dat 16 {gain} 12 0 0 0 0 MLII\n")
    record = read_record(tmp_path / "f.hea", Signal())
    assert np.allclose(record.leads[0], values / 200)
    assert record.findings == []


def test_an_unknown_unit_is_said(tmp_path):
    (tmp_path / "f.dat").write_bytes(np.arange(3000, dtype="<i2").tobytes())
    (tmp_path / "f.hea").write_text("f 1 360 3000\nf.dat 16 200/mmHg 12 0 0 0 0 ABP\n")
    findings = read_record(tmp_path / "f.hea", Signal(leads=["ABP"])).findings
    assert findings == ["record f: the unit of ABP is not known, taken for mV"]


def test_a_lead_with_more_samples_a_frame_is_read_at_its_own_rate(tmp_path):
    fine = np.rint(100 * np.sin(np.arange(6000) / 20)).astype("<i2").reshape(-1, 2)
    slow = np.rint(50 * np.cos(np.arange(3000) / 20)).astype("<i2")
    (tmp_path / "f.dat").write_bytes(np.column_stack([fine, slow]).astype("<i2").tobytes())
    (tmp_path / "f.hea").write_text("f 2 250 3000\nf.dat 16x2 200 12 0 0 0 0 MLII\nf.dat 16 200 12 0 0 0 0 V5\n")
    wfdb.wrann("f", "atr", np.array([500, 1500]), ["N", "V"], write_dir=str(tmp_path))
    record = read_record(tmp_path / "f.hea", Signal(leads=["MLII"]))
    assert record.rate == 500
    assert np.allclose(record.leads[0], fine.reshape(-1) / 200)
    alone = read_record(tmp_path / "f.hea", Signal(leads=["V5"]))
    assert alone.rate == 250
    assert np.allclose(alone.leads[0], slow / 200)
    both = read_record(tmp_path / "f.hea", Signal(leads=["MLII", "V5"]))
    assert np.allclose(both.leads[1, :-1:2], slow / 200)
    assert "record f: V5 has 250 and not 500 Hz, its samples are interpolated" in both.findings
    assert read(tmp_path / "f.hea").frame["time"].to_list() == [2.0, 6.0]


def test_a_header_without_a_length_takes_that_of_its_data(tmp_path):
    plain = read(whole(tmp_path / "plain"))
    header = whole(tmp_path / "none")
    header.write_text(header.read_text().replace("whole 2 360 14400", "whole 2 360"))
    same_beats(read(header), plain)


def test_data_beside_a_linked_header_is_found(tmp_path):
    plain = read(whole(tmp_path / "plain"))
    header = whole(tmp_path / "linked")
    header.rename(tmp_path / "object")
    header.symlink_to(tmp_path / "object")
    same_beats(read(header), plain)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("whole.dat 16 ", "whole.dat 17 ", r"its data whole.dat is of the format 17"),
        ("whole 2 ", "whole 3 ", "the header says 3 leads and describes 2"),
        ("whole 2 360 14400", "whole 2 360 0", "0 samples at 360 Hz"),
        ("whole 2 360 14400", "whole 2 0.5 14400", "14,400 samples at 0.5 Hz"),
        ("whole.dat 16 ", "whole.dat 16:999999999 ", "shifted by more than"),
        ("whole.dat 16 ", "whole.dat 16x99999999 ", "samples of all leads are more than is read"),
        ("whole.dat 16 ", "whole.dat 16+99999999 ", "is truncated"),
    ],
)
def test_a_header_that_does_not_fit_is_one_line(tmp_path, old, new, words):
    header = whole(tmp_path)
    header.write_text(header.read_text().replace(old, new))
    with pytest.raises(LimbeckError, match=words) as raised:
        read(header)
    assert "\n" not in str(raised.value)


def test_annotations_in_any_order_have_the_intervals_of_their_neighbours():
    _, peaks, _ = heart(40.0, 0)
    order = np.random.default_rng(0).permutation(len(peaks))
    assert np.array_equal(intervals(peaks[order], RATE), intervals(peaks, RATE)[order], equal_nan=True)
