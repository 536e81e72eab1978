"""Records, windows and tables of series become rows of beats; what is wrong with one is said, and the rest is read."""

import sys

import numpy as np
import polars as pl
import pytest

from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.signal.columns import AAMI, BEAT, RHYTHM, SIGNAL
from limbeck.kinds.signal.reading.formats.wfdb_record import choose_leads
from limbeck.kinds.signal.reading.inputs import record_chunk, record_files
from limbeck.kinds.signal.reading.r_peaks import r_peaks
from limbeck.kinds.signal.reading.read import read_all, read_source, signal_sources, unfit
from limbeck.recipe import Input, Signal, Task
from signals import RATE, heart, records, signal_recipe, write_edf, write_record

TASK = Task(kind="signal")


def read(file, labelled=True, **settings):
    return read_source(file, TASK, Signal(**settings), labelled=labelled)


def test_a_record_gives_a_row_for_each_annotated_beat_in_millivolts(tmp_path):
    header = write_record(tmp_path, "a", 0)
    leads, peaks, symbols = heart(40.0, 0)
    found = read(header, rate=RATE, before=0.2, after=0.2, level="none")
    frame = found.frame
    assert frame["label"].to_list() == [AAMI[symbol] for symbol in symbols]
    assert np.allclose(frame["time"], peaks / RATE)
    windows = frame[SIGNAL].to_numpy()
    assert windows.shape == (len(peaks), 1, 144)
    assert np.abs(windows[3, 0] - leads[0, peaks[3] - 72 : peaks[3] + 72]).max() < 0.003  # half a step of 200 units
    assert np.allclose(frame["rr_before"][1:], np.diff(peaks) / RATE)
    assert frame["rr_before"][0] is None
    assert frame["rr_after"][-1] is None
    assert frame["patient"].unique().to_list() == ["a"]


def test_windows_of_a_record_are_those_that_were_cut_beforehand(tmp_path):
    header = write_record(tmp_path, "a", 0)
    leads, peaks, symbols = heart(40.0, 0)
    whole = np.rint(leads[0] * 200).astype(np.int16)
    inside = [at for at, peak in enumerate(peaks) if peak >= 128 and peak + 128 <= len(whole)]
    np.savez(
        tmp_path / "a.npz",
        x=np.stack([whole[peaks[at] - 128 : peaks[at] + 128] for at in inside]),
        y=np.array([AAMI[symbols[at]] for at in inside]),
        record=np.array(["a"] * len(inside)), rpeak=peaks[inside],
        rr=np.stack([np.diff(peaks, prepend=-(10**6)), np.diff(peaks, append=10**6)], 1)[inside],
    )  # fmt: skip
    one, other = read(header), read(tmp_path / "a.npz")
    both = one.frame.join(other.frame, on="time", how="inner")
    assert both.height == len(inside)
    for name in (SIGNAL, BEAT, RHYTHM):
        assert np.allclose(both[name].to_numpy(), both[f"{name}_right"].to_numpy(), atol=1e-5, equal_nan=True), name


@pytest.mark.shared
def test_the_beats_of_mit_bih_are_those_of_its_record(shared_data):
    one = read(shared_data / "ecg" / "wfdb" / "100.hea").frame
    other = read(shared_data / "ecg" / "mitbih_beats.npz")
    assert "1,733 beats of paced records left out" in other.findings[0]
    mine = other.frame.filter(pl.col("record") == "100")
    both = one.join(mine, on="time", how="inner")
    assert both.height == mine.height
    assert np.abs(both[SIGNAL].to_numpy() - both[f"{SIGNAL}_right"].to_numpy()).max() < 1e-5
    assert set(other.frame["split"].unique()) == {"train", "test"}
    assert other.frame.filter(pl.col("record") == "202")["patient"].unique().to_list() == ["201"]
    assert other.frame["rr_before"].max() <= 3.0


@pytest.mark.shared
def test_r_peaks_are_found_where_people_marked_them(shared_data):
    marked = read(shared_data / "ecg" / "wfdb" / "100.hea").frame["time"].to_numpy()
    found = read(shared_data / "ecg" / "wfdb" / "100.hea", labelled=False, peaks="found").frame["time"].to_numpy()
    off = np.abs(found[:, None] - marked[None, :])
    assert (off.min(axis=0) < 0.05).mean() > 0.998  # sensitivity
    assert (off.min(axis=1) < 0.05).mean() > 0.998  # precision


@pytest.mark.parametrize("rate", [125, 250, 500])
def test_r_peaks_are_found_under_noise_wander_and_hum_at_any_rate(rate):
    leads, peaks, _ = heart(60.0, 3, rate=rate)
    random, time = np.random.default_rng(0), np.arange(leads.shape[1]) / rate
    lead = leads[0] + 0.08 * random.standard_normal(len(time)) + 0.8 * np.sin(2 * np.pi * 0.3 * time)
    lead = lead + 0.1 * np.sin(2 * np.pi * 50 * time)
    lead[1000:1020] = np.nan
    off = np.abs(r_peaks(lead, rate)[:, None] - peaks[None, :]) / rate
    assert (off.min(axis=0) < 0.1).mean() > 0.97
    assert (off.min(axis=1) < 0.1).mean() > 0.97


def test_a_lead_without_a_beat_gives_none():
    assert not len(r_peaks(np.zeros(5000), 360.0))
    assert not len(r_peaks(np.full(5000, np.nan), 360.0))
    assert not len(r_peaks(np.ones(10), 360.0))


def test_leads_are_chosen_by_name_and_fall_back_to_the_first():
    assert choose_leads(["V1", "mlii"], ["MLII|II"], "a") == ([1], [])
    chosen, findings = choose_leads(["V1", "V5"], ["MLII|II", "V5"], "a")
    assert chosen == [0, 1]
    assert "record a has no lead 'MLII|II': 'V1' is read" in findings[0]


def test_a_record_at_another_rate_is_resampled(tmp_path):
    slow = read(write_record(tmp_path, "slow", 1, rate=250)).frame
    _leads, peaks, _ = heart(40.0, 1, rate=1000)
    windows = slow[SIGNAL].to_numpy()
    assert windows.shape[1:] == (1, 128)
    assert abs(int(np.median(windows[:, 0].argmax(axis=1))) - 64) <= 2
    assert slow.height == len(peaks)


def test_a_table_of_paths_gives_its_records_with_patients_and_splits(tmp_path):
    write_record(tmp_path / "r", "a", 0)
    write_record(tmp_path / "r", "b", 1)
    (tmp_path / "index.csv").write_text("path,patient,split\nr/a,p1,train\nr/b.dat,p1,test\n", encoding="utf-8")
    assert [file.name for file, _ in signal_sources(tmp_path / "index.csv")] == ["a.hea", "b.hea"]
    (file, about), _ = signal_sources(tmp_path / "index.csv")
    frame = read_source(file, TASK, Signal(), labelled=True, about=about).frame
    assert frame["patient"].unique().to_list() == ["p1"]
    assert frame["split"].unique().to_list() == ["train"]


@pytest.mark.parametrize("way", ["columns", "input", "backslashes"])
def test_a_table_of_records_may_name_its_columns_and_write_its_paths_as_it_likes(tmp_path, way):
    for seed in range(8):
        write_record(tmp_path / "r" / "00", f"h{seed}", seed, seconds=20, annotated=False)
    names = {"columns": "file,who,diag", "input": "file,patient,diag", "backslashes": "path,patient,label"}[way]
    path = r"r\00\h{0}" if way == "backslashes" else "r/00/h{0}"
    rows = [f"{path.format(seed)},p{seed},{'NORM' if seed % 2 else 'MI'}" for seed in range(8)]
    (tmp_path / "index.csv").write_text("\n".join([names, *rows]) + "\n", encoding="utf-8")
    mapped = {"file": "path", "who": "patient", "diag": "label"} if way == "columns" else {}
    task = {"columns": {}, "input": {"input": "file", "label": "diag"}, "backslashes": {}}[way]
    recipe = signal_recipe(task={"classes": None, **task}, data={"train": "index.csv", "columns": mapped})
    data = prepare(recipe, tmp_path)
    assert set(data.classes) == {"NORM", "MI"}
    assert set(data.frame["patient"]) == {f"p{seed}" for seed in range(8)}
    assert not [line for line in data.findings if "unreadable" in line]
    sources = record_files(tmp_path / "index.csv", tmp_path / "out.csv", recipe.task, recipe.data.columns)
    assert [file.name for file in sources] == [f"h{seed}.hea" for seed in range(8)]


def test_a_recording_in_edf_form_gives_the_beats_of_the_same_record_in_wfdb_form(tmp_path):
    write_record(tmp_path / "w", "a", 0)
    write_edf(tmp_path / "a.edf", 0)
    settings = {"rate": RATE, "before": 0.2, "after": 0.2, "level": "none", "leads": ["MLII", "V5"]}
    one, other = read(tmp_path / "w" / "a.hea", **settings), read(tmp_path / "a.edf", **settings)
    for name in ("label", "record", "patient", "symbol"):
        assert one.frame[name].to_list() == other.frame[name].to_list()
    assert np.allclose(one.frame["time"], other.frame["time"])
    first, second = one.frame[SIGNAL].to_numpy(), other.frame[SIGNAL].to_numpy()
    assert np.abs(first[:, 0] - second[:, 0]).max() < 0.003
    assert np.abs(first[:, 1] - second[:, 1]).max() < 0.06  # half the rate: noise of 0.01 mV, interpolated
    assert any("V5" in line for line in other.findings)


def test_edf_and_wfdb_records_of_a_folder_are_read_once_each(tmp_path):
    write_record(tmp_path, "a", 0)
    for name in ("a.edf", "b.EDF"):
        write_edf(tmp_path / name, 1, annotated=False)
    assert [file.name for file, _ in signal_sources(tmp_path)] == ["a.hea", "b.EDF"]
    with pytest.raises(LimbeckError, match="no annotation is a symbol of a beat"):
        read(tmp_path / "b.EDF")
    assert len(read(tmp_path / "b.EDF", labelled=False).frame) > 20
    (tmp_path / "index.csv").write_text("path,label\nb.EDF,MI\n", encoding="utf-8")
    (found,) = read_all(tmp_path / "index.csv", TASK, Signal(), labelled=True)
    assert set(found.frame["label"]) == {"MI"}


def test_bdf_recordings_are_one_line_that_says_what_to_do(tmp_path):
    (tmp_path / "a.bdf").write_bytes(b"\xffBIOSEMI")
    for place in (tmp_path, tmp_path / "a.bdf"):
        with pytest.raises(LimbeckError, match="BDF recordings are not read; write it as EDF or WFDB"):
            signal_sources(place)


# Where a header says what: EDF specification, "EDF header record"; two leads and the annotations make three.
HOSTILE = {
    "cut": (lambda data: data[:-1000], "truncated|samples"),
    "longer": (lambda data: data + b"\0" * 100, "bytes behind the last record"),
    "pauses": (lambda data: data[:192] + b"EDF+D" + data[197:], "a recording with pauses"),
    "many leads": (lambda data: data[:252] + b"9999" + data[256:], "9,999 leads; expected 1 to 512"),
    "no leads": (lambda data: data[:252] + b"0   " + data[256:], "0 leads"),
    "many records": (lambda data: data[:236] + b"99999999" + data[244:], "truncated|samples"),
    "negative": (lambda data: data[:236] + b"-1      " + data[244:], "-1 records"),
    "endless": (lambda data: data[:244] + b"inf     " + data[252:], "records of inf s"),
    "no time": (lambda data: data[:244] + b"0       " + data[252:], "records of 0.0 s"),
    "no number": (lambda data: data[:244] + b"abc     " + data[252:], "header"),
    "no samples": (lambda data: data[: 256 + 216 * 3] + b"0       " + data[256 + 216 * 3 + 8 :], "0 samples"),
    "rubbish": (lambda data: bytes(range(256)) * 40, "header"),
    "empty": (lambda data: b"", "header"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_damaged_edf_recording_is_one_line(tmp_path, how):
    file = write_edf(tmp_path / "a.edf", 0, seconds=10)
    damage, line = HOSTILE[how]
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LimbeckError, match=line) as caught:
        read(file)
    assert "a.edf" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_series_of_the_ucr_archive_are_stretched_to_the_window(tmp_path):
    series = np.sin(np.linspace(0, 6, 96))
    lines = ["\t".join([str(label), *map(str, series)]) for label in (-1, 1, 1)]
    (tmp_path / "X_TRAIN.tsv").write_text("\n".join(lines), encoding="utf-8")
    found = read(tmp_path / "X_TRAIN.tsv", level="none")
    assert found.frame["label"].to_list() == ["-1", "1", "1"]
    assert found.frame[SIGNAL].to_numpy().shape == (3, 1, 128)
    assert "96 samples are stretched to 128" in found.findings[0]
    assert found.frame[BEAT].null_count() == 3
    assert np.abs(found.frame[SIGNAL].to_numpy()[0, 0, :120] - np.sin(np.arange(120) * 0.75 * 6 / 95)).max() < 0.05


def test_patients_stay_together_by_default(tmp_path):
    data = prepare(signal_recipe(), records(tmp_path))
    parts = {}
    for patient, part in zip(data.frame["patient"], data.split, strict=True):
        parts.setdefault(patient, set()).add(part)
    assert all(len(part) == 1 for part in parts.values())
    assert {"train", "valid", "test"} == set(data.split)
    for part in ("train", "valid", "test"):
        assert set(data.labels[data.split == part]) == {0, 1}


def test_a_split_by_beats_is_possible_and_said_to_leak(tmp_path):
    recipe = signal_recipe(data={"split": {"valid": 0.2, "test": 0.2, "group": "beat"}})
    data = prepare(recipe, records(tmp_path, 3))
    assert any("the figures leak" in line for line in data.findings)
    assert len({part for patient, part in zip(data.frame["patient"], data.split, strict=True) if patient == "h0"}) > 1


def test_de_chazals_lists_are_built_in_and_one_man_is_on_one_side(tmp_path):
    for seed, name in enumerate(("101", "106", "112", "114", "201", "100", "202", "104")):
        write_record(tmp_path, name, seed, seconds=20)
    recipe = signal_recipe(data={"split": "de-chazal"})
    data = prepare(recipe, tmp_path)
    of = {part: set(data.frame["record"].to_numpy()[data.split == part]) for part in ("train", "valid", "test")}
    assert of["test"] == {"100", "202"}
    assert of["train"] | of["valid"] == {"101", "106", "112", "114"}
    assert any("beats of paced records" in line for line in data.findings)
    assert any("their patients (201) are in a later part too" in line for line in data.findings)
    warned = prepare(signal_recipe(data={"split": "de-chazal", "leakage": "warn"}), tmp_path)
    assert "201" in set(warned.frame["record"].to_numpy()[warned.split != "test"])
    write_record(tmp_path, "x9", 20, seconds=20)
    with pytest.raises(LimbeckError, match="'x9' is no record of MIT-BIH"):
        prepare(recipe, tmp_path)


def damaged(folder):
    """Write one good record and one for each way to be bad; returns what each is to be called."""
    _leads, _, _ = heart(40.0, 0)
    write_record(folder, "good", 0)
    write_record(folder, "gone", 1)
    (folder / "gone.dat").unlink()
    write_record(folder, "cut", 2)
    (folder / "cut.dat").write_bytes((folder / "cut.dat").read_bytes()[:5000])
    write_record(folder, "away", 3)
    text = (folder / "away.hea").read_text().replace("away.dat", "../away.dat")
    (folder / "away.hea").write_text(text)
    (folder / "noise.hea").write_text("\x00\x01 nothing here")
    (folder / "vast.hea").write_text(
        "vast 2 360 999999999999\nvast.dat 16 200 16 0 0 0 0 MLII\nvast.dat 16 200 16 0 0 0 0 V5\n"
    )
    write_record(folder, "bare", 4, annotated=False)
    return {
        "gone": "its data gone.dat is missing", "cut": "its data cut.dat is truncated: 5,000 of 57,600 bytes",
        "away": "header", "noise": "header", "vast": "more than is read",
        "bare": "there are no annotations bare.atr",
    }  # fmt: skip


def test_each_damaged_record_is_one_line_and_the_others_are_read(tmp_path):
    told = damaged(tmp_path)
    recipe = signal_recipe(data={"split": {"group": "beat"}})
    data = prepare(recipe, tmp_path)
    assert set(data.frame["record"]) == {"good"}
    lines = [line for line in data.findings if line.startswith("unreadable record left out")]
    assert len(lines) == len(told)
    for name, words in told.items():
        assert any(f"{name}.hea" in line and words in line for line in lines), (name, lines)


def test_beats_that_cannot_be_used_are_rejected_with_the_reason(tmp_path):
    wfdb = pytest.importorskip("wfdb")
    leads, peaks, symbols = heart(40.0, 0)
    leads[0, peaks[5] - 10] = np.nan
    leads[0, peaks[8] - 200 : peaks[8] + 200] = 0.5
    leads[0, peaks[11] - 30 : peaks[11] + 30] = 3.0
    header = write_record(tmp_path, "a", 0, leads=leads)
    wfdb.wrann("a", "atr", np.append(peaks, leads.shape[1] + 500), [*symbols, "N"], write_dir=str(tmp_path))
    found = read(header)
    reasons = {reject.row: reject.reason for reject in found.rejects}
    assert "missing (NaN)" in reasons[6]
    assert reasons[9] == "a lead is flat"
    assert reasons[12] == "a lead is saturated"
    assert "is outside the record of 14,400 samples" in reasons[len(peaks) + 1]
    assert found.frame.height == len(peaks) + 1 - len(found.rejects)


def test_clean_windows_are_fit():
    leads, peaks, _ = heart(40.0, 0)
    whole = np.stack([leads[:, peak - 128 : peak + 128] for peak in peaks[1:-1]])
    assert not any(unfit(whole))
    assert unfit(np.full((1, 1, 50), 99.0) + np.arange(50) * 0.1) == ["a lead is beyond 50 mV"]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": np.zeros(3)}, "no array 'x'"),
        ({"x": np.zeros((3, 256)), "y": np.zeros(2)}, "'y' has"),
        ({"x": np.zeros((3, 20)), "y": np.array(["N"] * 3)}, "lower input.signal.before"),
        ({"x": np.array(["a", "b"])}, "where numbers"),
        ({"x": np.zeros((3, 256)), "fs": np.array(-1.0)}, "'fs' is -1"),
        ({"x": np.array([{}], dtype=object)}, "allow_pickle"),
    ],
)
def test_bad_npz_files_are_one_line(tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(LimbeckError, match=r"x\.npz") as raised:
        read(tmp_path / "x.npz")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_archive_and_a_folder_without_signals(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(LimbeckError, match=r"cannot be read as \.npz"):
        read(tmp_path / "x.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LimbeckError, match="the folder holds no signals"):
        signal_sources(tmp_path / "empty")


def test_a_record_as_mat_file_is_read(tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    header = write_record(tmp_path, "m", 0)
    plain = read(header).frame
    leads, _, _ = heart(40.0, 0)
    savemat(tmp_path / "m.mat", {"val": np.rint(leads * 200).astype(np.int16)}, format="4")
    (tmp_path / "m.dat").unlink()
    first = header.read_text().splitlines()
    lines = [first[0], *(line.replace("m.dat 16 ", "m.mat 16+24 ") for line in first[1:])]
    header.write_text("\n".join(lines) + "\n")
    frame = read(header).frame
    assert frame.height == plain.height
    assert np.abs(frame[SIGNAL].to_numpy() - plain[SIGNAL].to_numpy()).max() < 0.011  # two units of 200 a millivolt


@pytest.mark.parametrize("label", ["record", "patient", "symbol"])
def test_whose_beat_it_is_may_be_what_is_asked(tmp_path, label):
    records(tmp_path, 3)
    asked = signal_recipe(
        task={"label": label, "classes": None}, data={"split": {"group": "beat", "valid": 0.2, "test": 0.2}}
    )
    rows = prepare(asked, tmp_path)
    assert set(rows.classes) == set(rows.frame[label].to_list())
    assert rows.frame.columns.count(label) == 1


def test_windows_without_labels_can_be_learned_by_their_records(tmp_path):
    wide = np.random.default_rng(0).normal(size=(6, 400))
    np.savez(tmp_path / "cut.npz", x=wide, record=np.array(["a", "a", "a", "b", "b", "b"]))
    found = read_source(tmp_path / "cut.npz", Task(kind="signal", label="record"), Signal(), labelled=True)
    assert found.frame["record"].to_list() == ["a", "a", "a", "b", "b", "b"]
    with pytest.raises(LimbeckError, match="its windows have no labels"):
        read(tmp_path / "cut.npz")


def test_a_missing_package_is_an_error_and_no_bad_record(tmp_path, monkeypatch):
    records(tmp_path, 2)
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(LimbeckError, match=r"wfdb.*not installed"):
        prepare(signal_recipe(), tmp_path)
    with pytest.raises(LimbeckError, match=r"wfdb.*not installed"):
        record_chunk(tmp_path / "h0.hea", TASK, Input(), 0)
